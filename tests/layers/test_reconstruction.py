"""The reconstruction: exact on small integers, in both orders, and zero where nothing is lost."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers import (
    moment_reconstruction_backward,
    moment_reconstruction_forward,
    reconstruction_backward,
    reconstruction_forward,
    second_moment_backward,
    second_moment_forward,
)
from pp_ref.layers.reconstruction import moment_reconstruction_backward_weights, reconstruction_backward_weights

ORDERS = ["examples", "moment"]


@pytest.mark.parametrize("order", ORDERS)
def test_integers_are_exact(order):
    """W W^T = [[1, 1], [1, 2]], so A = [[0, 1], [1, 1]]: (1, 2) A = (2, 3) and (3, 0) A = (0, 3)."""
    v, W = np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    loss, cache = reconstruction_forward(v, W, order)
    assert loss == 4 + 9 + 0 + 9
    dv, dW = reconstruction_backward(1.0, cache)
    np.testing.assert_array_equal(dv, 2 * np.array([[3, 5], [3, 3]]))  # 2 v A A^T
    # dA = 2 S A = 2 [[10, 2], [2, 4]] A = [[4, 24], [8, 12]], and dW = (dA + dA^T) W.
    np.testing.assert_array_equal(dW, np.array([[8, 32], [32, 24]]) @ W)
    np.testing.assert_array_equal(reconstruction_backward_weights(1.0, cache), dW)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("m", [3, 5])
def test_a_tight_frame_loses_nothing(order, m):
    """W W^T = I, complete or overcomplete: rows of a permutation, and zeros."""
    W = np.eye(3, m)[[2, 0, 1]]
    loss, cache = reconstruction_forward(np.random.default_rng(0).standard_normal((7, 3)), W, order)
    assert loss == 0
    for gradient in reconstruction_backward(1.0, cache):
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


def test_few_filters_lose_what_they_do_not_span():
    v = np.random.default_rng(1).integers(-4, 5, (6, 4)).astype(float)
    assert reconstruction_forward(v, np.eye(4, 2))[0] == np.sum(v[:, 2:] ** 2)


def test_the_moment_is_neither_centred_nor_divided():
    S, cache = second_moment_forward(np.array([[1.0, 2.0], [1.0, 0.0]]))
    np.testing.assert_array_equal(S, [[2, 2], [2, 4]])
    dv = second_moment_backward(np.array([[0.0, 1.0], [0.0, 0.0]]), cache)  # v (dS + dS^T): the columns exchanged
    np.testing.assert_array_equal(dv, [[2, 1], [0, 1]])


def test_the_gradient_of_the_moment_is_that_of_a_linear_function():
    rng = np.random.default_rng(2)
    S, W = rng.integers(-3, 4, (3, 3)).astype(float), rng.integers(-2, 3, (3, 5)).astype(float)
    loss, cache = moment_reconstruction_forward(S, W)
    dS, dW = moment_reconstruction_backward(1.0, cache)
    assert loss == np.vdot(dS, S)
    np.testing.assert_array_equal(moment_reconstruction_backward_weights(1.0, cache), dW)


def test_messages():
    with pytest.raises(ShapeError, match="^axis d is 3 in v but 4 in W$"):
        reconstruction_forward(np.ones((2, 3)), np.ones((4, 2)))
    with pytest.raises(ShapeError, match="^axis d is 3 in S but 4 in W$"):
        moment_reconstruction_forward(np.ones((3, 3)), np.ones((4, 2)))
    with pytest.raises(ShapeError, match=r"^v has shape \(3,\), expected axes \(n, d\)$"):
        second_moment_forward(np.ones(3))
    with pytest.raises(DomainError, match="^order is 'weights', expected 'examples' or 'moment'$"):
        reconstruction_forward(np.ones((2, 3)), np.ones((3, 2)), "weights")
