"""Both sparsities: exact values, their limits, and what must not overflow."""

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
    """z^2 / 2 - z^4 / 12: what is left errs by a few roundings of z, where log 2 would have left roundings of 1."""
    for z in 2.0 ** -np.arange(3, 20):
        loss, _ = log_cosh_forward(np.array([z]))
        assert abs(loss - (z**2 / 2 - z**4 / 12)) <= z**6 / 45 + 8 * np.finfo(float).eps * z
    assert log_cosh_forward(np.zeros((2, 3)))[0] == 0


def test_log_cosh_is_even_to_the_bit():
    z = np.random.default_rng(0).standard_normal((4, 5))
    assert log_cosh_forward(z)[0] == log_cosh_forward(-z)[0]


@pytest.mark.parametrize("eps", [0.0, -1.0, np.nan, np.inf])
def test_an_eps_that_makes_no_sense(eps):
    with pytest.raises(DomainError, match=f"^eps is {eps}, expected a finite number > 0$"):
        smooth_abs_forward(np.ones(2), eps)
