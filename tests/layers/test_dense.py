"""The ordinary layer on inputs for which every order of summation is exact."""

import numpy as np
import pytest

from pp_ref.errors import ShapeError
from pp_ref.layers.dense import dense_backward, dense_backward_input, dense_backward_weights, dense_forward


def bits(rows, columns, seed=0):
    return np.random.default_rng(seed).integers(0, 2, (rows, columns))


@pytest.mark.parametrize("dtype", ["f4", "f8", "g"])
def test_bits_spell_the_inputs_read(dtype):
    mask, b = bits(7, 21), np.arange(5) / 8  # 21 bits and the 3 of b fit float32's 24
    W = np.repeat(2.0 ** np.arange(21)[:, None], 5, axis=1)
    y, _ = dense_forward(mask.astype(dtype), W.astype(dtype), b.astype(dtype))
    np.testing.assert_array_equal(y, (mask @ (1 << np.arange(21)))[:, None] + b)


def test_bits_spell_the_examples_and_units_that_each_gradient_adds():
    v, W, dy = bits(11, 3, 1), bits(3, 5, 2), np.repeat(2.0 ** np.arange(11)[:, None], 5, axis=1)
    _, cache = dense_forward(v.astype(float), W.astype(float), np.zeros(5))
    dv, dW, db = dense_backward(dy, cache)
    np.testing.assert_array_equal(dW, np.repeat((v.T @ (1 << np.arange(11)))[:, None], 5, axis=1))
    np.testing.assert_array_equal(db, np.full(5, 2.0**11 - 1))
    np.testing.assert_array_equal(dv, 2.0 ** np.arange(11)[:, None] * W.sum(1))


def test_parts_of_the_backward_pass_are_the_whole():
    rng = np.random.default_rng(0)
    _, cache = dense_forward(rng.random((4, 3)), rng.random((3, 2)), rng.random(2))
    dy = rng.random((4, 2))
    parts = (dense_backward_input(dy, cache), *dense_backward_weights(dy, cache))
    for part, whole in zip(parts, dense_backward(dy, cache), strict=True):
        np.testing.assert_array_equal(part, whole)


def test_no_examples_have_zero_gradients():
    y, cache = dense_forward(np.zeros((0, 3)), np.ones((3, 2)), np.ones(2))
    dv, dW, db = dense_backward(y, cache)
    assert y.shape == (0, 2)
    assert dv.shape == (0, 3)
    np.testing.assert_array_equal(dW, np.zeros((3, 2)))
    np.testing.assert_array_equal(db, np.zeros(2))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 4), (5, 2), (2,)), r"^axis d is 4 in v but 5 in W$"),
        (((3, 4), (4, 2), (3,)), r"^axis m is 2 in W but 3 in b$"),
        (((4,), (4, 2), (2,)), r"^v has shape \(4,\), expected axes \(n, d\)$"),
        (((3, 4), (4, 2), (1, 2)), r"^b has shape \(1, 2\), expected axes \(m\)$"),
    ],
)
def test_message_names_both_owners(shapes, message):
    with pytest.raises(ShapeError, match=message):
        dense_forward(*map(np.zeros, shapes))
