"""Both sparsity penalties: exact values, limits, and no overflow."""

import numpy as np
import pytest

from pp_ref.errors import DomainError
from pp_ref.layers import log_cosh_backward, log_cosh_forward, smooth_abs_backward, smooth_abs_forward


def test_smooth_abs_of_pythagorean_triples_is_exact():
    loss, cache = smooth_abs_forward(np.array([[3.0, -3.0], [0.0, 4.0]]), 16.0)
    assert loss == 5 + 5 + 4 + np.sqrt(32.0)
    np.testing.assert_array_equal(smooth_abs_backward(1.0, cache)[:1], [[0.6, -0.6]])
    assert smooth_abs_backward(1.0, cache)[1, 0] == 0


def test_smooth_abs_is_elementwise_and_no_group_penalty():
    z = np.array([[3.0, 4.0]])
    assert smooth_abs_forward(z, 1e-12)[0] == pytest.approx(7, rel=1e-12)  # and not sqrt(3^2 + 4^2) = 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_log_cosh_far_from_zero_is_a_line(dtype):
    z = np.array([-1e30, -200.0, 200.0, 1e30], dtype)
    for entry in z:
        loss, cache = log_cosh_forward(np.atleast_1d(entry))
        assert loss == abs(entry) - np.log(dtype(2))
        np.testing.assert_array_equal(log_cosh_backward(1.0, cache), np.sign(np.atleast_1d(entry)))


def test_log_cosh_near_zero_is_a_parabola():
    """z^2 / 2 - z^4 / 12 + z^6 / 45, relative to itself: tanh z errs by 4 ulps, 8 u, and counts twice in its square."""
    for dtype in (np.float32, np.float64):
        for z in 10.0 ** -np.arange(2, 18):
            z = float(dtype(z))
            want = z**2 / 2 - z**4 / 12 + z**6 / 45
            loss, _ = log_cosh_forward(np.array([z], dtype))
            assert abs(float(loss) - want) <= 17 / 2520 * z**8 + (2 * 8 + 8 + 2) * np.finfo(dtype).eps / 2 * want
    assert log_cosh_forward(np.zeros((2, 3)))[0] == 0


def test_log_cosh_errs_by_its_own_last_places_everywhere():
    """Beyond 1, terms below 2.31 |z|, of 10 u each at most, are subtracted to no less than 0.43 |z|."""
    for z in np.append(np.geomspace(1e-3, 50, 500), [np.nextafter(np.float32(1), 2), 1.0]).astype(np.float32):
        wide = np.longdouble(z)
        loss, _ = log_cosh_forward(np.array([z]))
        want = -np.log1p(-(np.tanh(wide) ** 2)) / 2 if z < 1 else np.log(np.cosh(wide))
        # -log(1 - t^2) magnifies an error of t^2 by t^2 / ((1 - t^2) log(1 / (1 - t^2))), 1.6 at z = 1.
        assert abs(loss - want) <= 60 * np.finfo(np.float32).eps / 2 * want


def test_log_cosh_is_even_to_the_bit():
    z = np.random.default_rng(0).standard_normal((4, 5))
    assert log_cosh_forward(z)[0] == log_cosh_forward(-z)[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_smooth_abs_far_from_zero_is_a_line(dtype):
    """Squares overflow here, so z is scaled: root and quotient round once each."""
    z = np.finfo(dtype).max / 4 * np.array([1, -1, 1e-10, 0], dtype)
    loss, cache = smooth_abs_forward(z, 1e-2)
    assert loss == pytest.approx(float(np.sum(abs(z / 4))) * 4, rel=8 * float(np.finfo(dtype).eps))
    np.testing.assert_array_equal(smooth_abs_backward(1.0, cache), [1, -1, 1, 0])


def test_smooth_abs_of_an_eps_at_the_edge_of_float32():
    """z and sqrt(eps) whose squares are below float32's normal numbers: the slope is still z / hypot(z, sqrt(eps))."""
    z, eps = np.array([0, 1e-20, -2e-19, 1e-15], np.float32), 2e-38
    _, cache = smooth_abs_forward(z, eps)
    want = z / np.hypot(z.astype(float), np.sqrt(eps))
    # sqrt(eps), z / s, sqrt(eps) / s, their squares, sum, root, s root, and the slope's quotient: 12 roundings at most.
    assert (abs(smooth_abs_backward(1.0, cache) - want) <= 12 * np.finfo(np.float32).eps / 2 * abs(want)).all()


@pytest.mark.parametrize("eps", [1e-50, 1e-40, 1e39])
def test_an_eps_that_float32_does_not_hold(eps):
    message = "^eps is .*, expected 1.2e-38 to 3.4e.38, the normal numbers of z's float32: choose another eps, or"
    with pytest.raises(DomainError, match=message):
        smooth_abs_forward(np.zeros(2, np.float32), eps)
    for dtype in (np.float64, np.longdouble):
        assert smooth_abs_forward(np.zeros(4, dtype), eps)[0] == pytest.approx(4 * np.sqrt(eps), rel=1e-15)


@pytest.mark.parametrize("eps", [0.0, -1.0, np.nan, np.inf])
def test_an_eps_that_makes_no_sense(eps):
    with pytest.raises(DomainError, match=f"^eps is {eps}, expected a finite number > 0$"):
        smooth_abs_forward(np.ones(2), eps)
