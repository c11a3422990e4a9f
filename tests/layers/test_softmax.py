"""Softmax with cross-entropy: large logits, labels, exact gradients, the messages."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.softmax import softmax, softmax_cross_entropy_backward, softmax_cross_entropy_forward


@pytest.mark.parametrize("dtype", ["f4", "f8", "g"])
def test_logits_of_ten_thousand(dtype):
    z = np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4]], dtype)
    loss, cache = softmax_cross_entropy_forward(z, np.array([2, 0]))
    u = np.finfo(dtype).eps / 2
    assert abs(loss - (2e4 + np.log(np.longdouble(3))) / 2) <= 8 * u * 2e4
    if dtype != "g":  # longdouble holds exp(-1e4)
        np.testing.assert_array_equal(cache.p[0], [1, 0, 0])
    assert abs(cache.p[1] - 1 / np.longdouble(3)).max() <= 2 * u


def test_a_certain_answer_costs_nothing():
    loss, cache = softmax_cross_entropy_forward(np.array([[1e4, -1e4]]), np.array([0]))
    assert loss == 0
    np.testing.assert_array_equal(softmax_cross_entropy_backward(1.0, cache), [[0, 0]])


def test_equal_logits_have_exact_gradients():
    labels = np.array([0, 3, 1, 1])
    loss, cache = softmax_cross_entropy_forward(np.zeros((4, 4)), labels)
    assert loss == pytest.approx(np.log(4), rel=1e-15)
    np.testing.assert_array_equal(softmax_cross_entropy_backward(1.0, cache), (0.25 - np.eye(4)[labels]) / 4)
    np.testing.assert_array_equal(softmax_cross_entropy_backward(8.0, cache), 2 * (0.25 - np.eye(4)[labels]))


def test_one_class_is_certain():
    loss, cache = softmax_cross_entropy_forward(np.array([[3.0], [-7.0]]), np.array([0, 0]))
    assert loss == 0
    np.testing.assert_array_equal(softmax_cross_entropy_backward(1.0, cache), [[0], [0]])


def test_probabilities_add_to_one():
    p = softmax(np.random.default_rng(0).standard_normal((20, 7)) * 100)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(1), 1, rtol=0, atol=9 * np.finfo(float).eps)


def test_no_examples_have_loss_zero():
    loss, cache = softmax_cross_entropy_forward(np.zeros((0, 3)), np.zeros(0, int))
    assert loss == 0
    assert softmax_cross_entropy_backward(1.0, cache).shape == (0, 3)


@pytest.mark.parametrize("dtype", ["u1", "i8"])
def test_labels_of_any_integer_type(dtype):
    labels = np.array([2, 0])
    z = np.arange(6.0).reshape(2, 3)
    assert softmax_cross_entropy_forward(z, labels.astype(dtype))[0] == softmax_cross_entropy_forward(z, labels)[0]


def test_small_label_types_reach_every_class():
    z, labels = np.zeros((2, 300)), np.array([0, 200])
    narrow, cache = softmax_cross_entropy_forward(z, labels.astype("u1"))
    assert narrow == softmax_cross_entropy_forward(z, labels)[0]
    np.testing.assert_array_equal(cache.onehot.sum(1), [1, 1])


@pytest.mark.parametrize("labels", [np.array([0.0, np.nan]), np.array([True, False])])
def test_message_for_labels_that_are_no_integers(labels):
    message = (
        rf"^labels is an array of {labels.dtype}, .* an array of integers: use np.asarray\(labels, dtype=np.int64\)$"
    )
    with pytest.raises(DomainError, match=message):
        softmax_cross_entropy_forward(np.zeros((2, 3)), labels)


@pytest.mark.parametrize(("labels", "row", "value"), [([0, 3], 1, 3), ([-1, 0], 0, -1)])
def test_message_names_the_label(labels, row, value):
    with pytest.raises(DomainError, match=rf"^labels\[{row}\] is {value}, expected a class in 0\.\.2$"):
        softmax_cross_entropy_forward(np.zeros((2, 3)), np.array(labels))


def test_messages_for_axes():
    with pytest.raises(ShapeError, match=r"^axis n is 2 in z but 3 in labels$"):
        softmax_cross_entropy_forward(np.zeros((2, 3)), np.zeros(3, int))
    with pytest.raises(ShapeError, match=r"^z has shape \(3,\), expected axes \(n, m\)$"):
        softmax(np.zeros(3))
