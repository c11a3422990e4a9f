"""The low-rank layer: exact products, its flat directions, its messages."""

import numpy as np
import pytest

from pp_ref.errors import ShapeError
from pp_ref.layers.dense import dense_backward, dense_forward
from pp_ref.layers.lowrank import lowrank_backward, lowrank_backward_weights, lowrank_forward


def integers(*shape, seed=0):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(float)


V, U, W, B, DY = (
    integers(6, 5),
    integers(5, 2, seed=1),
    integers(2, 3, seed=2),
    integers(3, seed=3),
    integers(6, 3, seed=4),
)


def test_is_the_dense_layer_of_the_product():
    y, cache = lowrank_forward(V, U, W, B)
    want, dense_cache = dense_forward(V, U @ W, B)
    dv, dU, dw, db = lowrank_backward(DY, cache)
    want_dv, dW, want_db = dense_backward(DY, dense_cache)
    for got, expected in ((y, want), (dv, want_dv), (dU, dW @ W.T), (dw, U.T @ dW), (db, want_db)):
        np.testing.assert_array_equal(got, expected)


def test_gradients_of_the_weights_alone_are_those_of_the_whole():
    _, cache = lowrank_forward(V, U, W, B)
    for part, whole in zip(lowrank_backward_weights(DY, cache), lowrank_backward(DY, cache)[1:], strict=True):
        np.testing.assert_array_equal(part, whole)


def test_a_change_of_basis_between_the_factors_changes_nothing():
    Q, inverse = np.array([[2.0, 1.0], [1.0, 1.0]]), np.array([[1.0, -1.0], [-1.0, 2.0]])
    np.testing.assert_array_equal(lowrank_forward(V, U @ Q, inverse @ W, B)[0], lowrank_forward(V, U, W, B)[0])
    _, dU, dw, _ = lowrank_backward(DY, lowrank_forward(V, U, W, B)[1])
    np.testing.assert_array_equal(U.T @ dU, dw @ W.T)  # U w = (U Q)(Q^-1 w): the loss is flat along Q


def test_no_examples_have_zero_gradients():
    y, cache = lowrank_forward(V[:0], U, W, B)
    for gradient, parameter in zip(lowrank_backward(y, cache), (V[:0], U, W, B), strict=True):
        np.testing.assert_array_equal(gradient, np.zeros_like(parameter))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((V[:, 1:], U, W, B), r"^axis d is 4 in v but 5 in U$"),
        ((V, U, W[1:], B), r"^axis k is 2 in U but 1 in w$"),
        ((V, U, W, B[1:]), r"^axis m is 3 in w but 2 in b$"),
    ],
)
def test_message_names_both_owners(arguments, message):
    with pytest.raises(ShapeError, match=message):
        lowrank_forward(*arguments)
