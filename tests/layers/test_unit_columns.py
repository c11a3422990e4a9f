"""Unit columns: exact on Pythagorean triples, independent of scale, refused for columns of zeros."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers import unit_columns_backward, unit_columns_forward


def test_pythagorean_columns_are_exact():
    W = np.array([[3.0, 0.0], [-4.0, 2.0]])
    What, cache = unit_columns_forward(W)
    np.testing.assert_array_equal(What, [[3 / 5, 0], [-4 / 5, 1]])
    np.testing.assert_array_equal(cache.norms, [5, 2])
    # dWhat = (1, 0) has the component 0 along (0, 1) and 3 / 5 along (3, -4) / 5.
    dW = unit_columns_backward(np.array([[1.0, 1.0], [0.0, 0.0]]), cache)
    np.testing.assert_array_equal(dW[:, 1], [0.5, 0])
    assert dW[:, 0] == pytest.approx(np.array([16, 12]) / 125, rel=1e-15)


@pytest.mark.parametrize("power", [-40, -1, 1, 40])
def test_powers_of_two_change_no_bit_of_the_directions(power):
    W = np.random.default_rng(0).standard_normal((5, 4))
    What, _ = unit_columns_forward(W)
    scaled, cache = unit_columns_forward(W * 2.0**power)
    np.testing.assert_array_equal(scaled, What)
    dWhat = np.random.default_rng(1).standard_normal((5, 4))
    np.testing.assert_array_equal(
        unit_columns_backward(dWhat, cache) * 2.0**power, unit_columns_backward(dWhat, unit_columns_forward(W)[1])
    )


def test_the_gradient_is_orthogonal_to_its_column():
    """<What, dWhat - What <What, dWhat>> is zero up to the rounding of its terms: each of d products, a few times."""
    rng = np.random.default_rng(2)
    W, dWhat = rng.standard_normal((2, 6, 5))
    What, cache = unit_columns_forward(W)
    dW = unit_columns_backward(dWhat, cache)
    allowed = 4 * 6 * np.finfo(float).eps * np.linalg.norm(dWhat, axis=0)
    assert (abs(np.sum(What * dW * cache.norms, axis=0)) <= allowed).all()


def test_a_column_without_a_direction_is_refused():
    W = np.ones((3, 4))
    W[:, 2] = 0
    with pytest.raises(DomainError, match="^column 2 of W is zero, expected an entry that is not zero: draw it anew$"):
        unit_columns_forward(W)
    with pytest.raises(DomainError, match="^column 0 of W is zero"):
        unit_columns_forward(np.ones((0, 2)))


@pytest.mark.parametrize("size", [1e-44, 1e-40, 3e-22, 1e-19, 1e20, 1e37])
def test_a_direction_is_that_of_the_column_whatever_its_size(size):
    """Compare with float64 on the float32 entries. Each square, sum, root and quotient rounds once: d + 4 units."""
    W = (size * np.random.default_rng(3).standard_normal((5, 4))).astype(np.float32)
    W[0] = np.float32(size)  # no column vanishes
    What, cache = unit_columns_forward(W)
    norms = np.linalg.norm(W.astype(float), axis=0)
    u = 9 * np.finfo(np.float32).eps / 2
    assert (abs(What - W / norms) <= u * abs(W / norms)).all()
    least = np.finfo(np.float32).smallest_subnormal  # the error of a norm below the normal numbers
    assert (abs(cache.norms - norms) <= u * norms + least).all()
    if size >= 1e-19:
        dWhat = np.random.default_rng(4).standard_normal((5, 4)).astype(np.float32)
        dW = unit_columns_backward(dWhat, cache)
        want = (dWhat - W / norms * np.sum(W / norms * dWhat, axis=0)) / norms
        # <What, dWhat> is off by 2 u + gamma(5) of |What||dWhat|, and its product, difference and quotient by 12 u.
        allowed = 30 * np.finfo(np.float32).eps * np.linalg.norm(dWhat.astype(float), axis=0) / norms
        assert (abs(dW - want) <= allowed).all()


def test_an_eps_shortens_columns():
    """|(3, 4)|^2 + 11 is 36, and a column of zeros stays zero."""
    What, cache = unit_columns_forward(np.array([[3.0, 0.0], [4.0, 0.0]]), eps=11.0)
    assert What == pytest.approx(np.array([[3, 0], [4, 0]]) / 6, rel=1e-15)
    assert cache.norms == pytest.approx(np.sqrt([36, 11]), rel=1e-15)
    # d (w / nu) = (dw - w <w, dw> / nu^2) / nu; of zeros the gradient is dWhat over sqrt(eps).
    dW = unit_columns_backward(np.array([[1.0, 0.0], [0.0, 1.0]]), cache)
    assert dW == pytest.approx(
        np.stack([np.array([1 - 9 / 36, -12 / 36]) / 6, np.array([0, 1]) / np.sqrt(11)], 1), rel=1e-14
    )


def test_an_eps_is_lost_beside_long_columns_alone():
    W = np.array([[1e200, 1e-200]])
    np.testing.assert_array_equal(unit_columns_forward(W, eps=1e-300)[0], [[1.0, 1e-200 / 1e-150]])


@pytest.mark.parametrize("eps", [-1e-5, np.nan, np.inf])
def test_an_eps_is_a_number_from_zero(eps):
    with pytest.raises(DomainError, match=f"^eps is {eps}, expected a finite number >= 0$"):
        unit_columns_forward(np.ones((2, 2)), eps)


def test_axes():
    with pytest.raises(ShapeError, match=r"^W has shape \(3,\), expected axes \(d, m\)$"):
        unit_columns_forward(np.ones(3))
