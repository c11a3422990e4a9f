"""The rectified linear unit: its corner, NaN, signed zero."""

import numpy as np

from pp_ref.layers.relu import relu_backward, relu_forward

V = np.array([-np.inf, -2.0, -0.0, 0.0, 5e-324, 2.0, np.inf])


def test_values_and_the_rule_at_zero():
    y, cache = relu_forward(V)
    np.testing.assert_array_equal(y, [0, 0, 0, 0, 5e-324, 2, np.inf])
    np.testing.assert_array_equal(relu_backward(np.full(7, 3.0), cache), [0, 0, 0, 0, 3, 3, 3])


def test_no_negative_zero_comes_out():
    assert not np.signbit(relu_forward(V)[0]).any()


def test_nan_stays_nan():
    y, cache = relu_forward(np.array([np.nan, 1.0]))
    assert np.isnan(y).tolist() == [True, False]
    assert np.isnan(relu_backward(y, cache)).tolist() == [True, False]


def test_no_entries():
    y, cache = relu_forward(np.zeros((0, 2), "f4"))
    assert relu_backward(y, cache).shape == (0, 2)
