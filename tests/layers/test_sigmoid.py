"""The sigmoid far out: no overflow, no warning (they are errors here), and small values to full relative accuracy."""

import math

import numpy as np
import pytest

from pp_ref.layers.sigmoid import sigmoid_backward, sigmoid_forward


@pytest.mark.parametrize("dtype", ["f4", "f8", "g"])
def test_limits_are_exact(dtype):
    y, cache = sigmoid_forward(np.array([-1e4, -np.inf, 0, np.inf, 1e4], dtype))
    tail = np.exp(np.longdouble(-1e4)) if dtype == "g" else 0  # longdouble holds it
    np.testing.assert_array_equal(y, np.array([tail, 0, 0.5, 1, 1], dtype))
    np.testing.assert_array_equal(sigmoid_backward(np.ones(5, dtype), cache), np.array([tail, 0, 0.25, 0, 0], dtype))


@pytest.mark.parametrize(("dtype", "v"), [("f4", -50), ("f8", -50), ("f8", -700), ("g", -700), ("g", -11000)])
def test_small_values_keep_their_relative_accuracy(dtype, v):
    got = sigmoid_forward(np.array([v], dtype))[0][0]
    want = np.exp(np.longdouble(v))  # 1 + exp(v) is 1 in every format here
    # exp is within 4 ulp = 8 u, then come the sum and the quotient.
    assert abs(np.longdouble(got) - want) <= 10 * np.finfo(dtype).eps / 2 * want


def test_value_of_the_decimal_expansion():
    assert sigmoid_forward(np.array([1.0]))[0][0] == pytest.approx(1 / (1 + math.exp(-1)), rel=4e-16)


def test_complement():
    v = np.linspace(-30, 30, 121)
    y, mirrored = sigmoid_forward(v)[0], sigmoid_forward(-v)[0]
    np.testing.assert_allclose(y + mirrored, 1, rtol=0, atol=4 * np.finfo(float).eps)


def test_no_entries():
    y, cache = sigmoid_forward(np.zeros((0, 3)))
    assert y.shape == sigmoid_backward(y, cache).shape == (0, 3)


def test_complex_values_take_the_branch_of_their_real_part():
    v = np.array([-800 + 1e-30j, 800 + 1e-30j, 1e-30j])
    y, _ = sigmoid_forward(v)
    np.testing.assert_array_equal(y.real, [0, 1, 0.5])
    np.testing.assert_array_equal(y.imag, [0, 0, 0.25e-30])
