"""The tied autoencoder: exact at W = 0, and tied through a dictionary."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.autoencoder import autoencoder_backward, autoencoder_backward_weights, autoencoder_forward
from pp_ref.layers.predicted import expand_backward, expand_forward


def test_zero_weights_are_exact():
    """h = r = 1/2, so every value is a power of two: da = 2 (1/2 - v) / n / 4, and the encoder's gradient is 0."""
    v = np.array([[0.0, 1.0, 0.5], [1.0, 1.0, 0.0]])
    loss, cache = autoencoder_forward(v, np.zeros((3, 2)), np.zeros(2), np.zeros(3))
    assert loss == 5 * 0.25 / 2
    dv, dW, db, dc = autoencoder_backward(1.0, cache)
    da = (0.5 - v) / 4
    np.testing.assert_array_equal(dc, da.sum(0))
    np.testing.assert_array_equal(dW, da.T @ np.full((2, 2), 0.5))
    np.testing.assert_array_equal(db, [0, 0])
    np.testing.assert_array_equal(dv, v - 0.5)


def test_a_perfect_reconstruction_has_no_loss_and_no_gradient():
    loss, cache = autoencoder_forward(np.full((3, 2), 0.5), np.zeros((2, 4)), np.ones(4), np.zeros(2))
    assert loss == 0
    for gradient in autoencoder_backward(1.0, cache):
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


def test_gradients_of_the_weights_alone_are_those_of_the_whole():
    rng = np.random.default_rng(0)
    _, cache = autoencoder_forward(rng.random((4, 3)), rng.random((3, 2)), rng.random(2), rng.random(3))
    for part, whole in zip(autoencoder_backward_weights(2.0, cache), autoencoder_backward(2.0, cache)[1:], strict=True):
        np.testing.assert_array_equal(part, whole)


def test_tied_through_the_dictionary_by_the_complex_step():
    rng, h = np.random.default_rng(1), 2.0**-100
    v, b, c = rng.random((4, 5)), rng.random(6), rng.random(5)
    U, w = [rng.random((5, 2)), rng.random((5, 3))], [rng.random((2, 2)), rng.random((3, 4))]
    W, expanded = expand_forward(U, w)
    dw = expand_backward(autoencoder_backward(1.0, autoencoder_forward(v, W, b, c)[1])[1], expanded)
    for j, (gradient, w_j) in enumerate(zip(dw, w, strict=True)):
        for at in np.ndindex(w_j.shape):
            step = np.zeros_like(w_j)
            step[at] = h
            moved, _ = expand_forward(U, [w_i + 1j * step if i == j else w_i for i, w_i in enumerate(w)])
            assert gradient[at] == pytest.approx(autoencoder_forward(v, moved, b, c)[0].imag / h, rel=1e-12)


def test_a_linear_decoder_by_hand():
    """W = 0: h = 1/2 and r = c, so da = 2 (c - v) / n, dW = da^T h, and the encoder's gradient is 0."""
    v, c = np.array([[3.0, -1.0], [5.0, 7.0]]), np.array([1.0, 2.0])
    loss, cache = autoencoder_forward(v, np.zeros((2, 3)), np.zeros(3), c, "linear")
    assert loss == (4 + 9 + 16 + 25) / 2
    dv, dW, db, dc = autoencoder_backward(1.0, cache)
    np.testing.assert_array_equal(dc, (c - v).sum(axis=0))
    np.testing.assert_array_equal(dW, np.repeat(dc[:, None] / 2, 3, axis=1))
    np.testing.assert_array_equal(db, np.zeros(3))
    np.testing.assert_array_equal(dv, v - c)


@pytest.mark.parametrize("decoder", ["sigmoid", "linear"])
def test_every_gradient_by_the_complex_step(decoder):
    rng, h = np.random.default_rng(3), 2.0**-100
    given = [3 * rng.standard_normal((4, 5)), rng.standard_normal((5, 3)), rng.random(3), rng.random(5)]
    gradients = autoencoder_backward(1.0, autoencoder_forward(*given, decoder)[1])
    for number, gradient in enumerate(gradients):
        for at in np.ndindex(gradient.shape):
            moved = [array.astype(complex) for array in given]
            moved[number][at] += 1j * h
            got = autoencoder_forward(*moved, decoder)[0].imag / h
            assert gradient[at] == pytest.approx(got, rel=1e-10, abs=1e-12)


def test_a_decoder_that_does_not_exist():
    with pytest.raises(DomainError, match=r"^decoder is 'tanh', expected one of sigmoid, linear"):
        autoencoder_forward(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), np.zeros(1), "tanh")


def test_no_examples_have_loss_zero():
    loss, cache = autoencoder_forward(np.zeros((0, 3)), np.ones((3, 2)), np.ones(2), np.ones(3))
    assert loss == 0
    for gradient in autoencoder_backward(1.0, cache):
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3), (4, 2), (2,), (3,)), r"^axis d is 3 in v but 4 in W$"),
        (((2, 3), (3, 2), (3,), (3,)), r"^axis m is 2 in W but 3 in b$"),
        (((2, 3), (3, 2), (2,), (2,)), r"^axis d is 3 in v but 2 in c$"),
    ],
)
def test_message_names_both_owners(shapes, message):
    with pytest.raises(ShapeError, match=message):
        autoencoder_forward(*map(np.zeros, shapes))
