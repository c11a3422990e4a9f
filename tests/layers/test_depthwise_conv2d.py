"""The depthwise convolution equals the plain one with a tied dictionary, on integers."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers import conv2d, depthwise_conv2d
from pp_ref.layers.conv2d import conv2d_backward_input, conv2d_forward
from pp_ref.layers.depthwise_conv2d import depthwise_conv2d_backward, depthwise_conv2d_forward
from tests.layers.test_conv2d import GEOMETRIES, integers


@pytest.mark.parametrize(("stride", "padding"), GEOMETRIES)
@pytest.mark.parametrize("entries", [1, conv2d.COLUMN_ENTRIES])
def test_it_is_a_convolution_with_a_tied_dictionary(stride, padding, entries, monkeypatch):
    v, u = integers(4, 6, 5, 3), integers(3, 2, 4, seed=1)
    dense = np.kron(u.reshape(6, 4), np.eye(3)).reshape(3, 2, 3, 12)
    want, whole = conv2d_forward(v, dense, np.zeros(12), stride, padding)
    dy = integers(*want.shape, seed=2)
    monkeypatch.setattr(depthwise_conv2d, "COLUMN_ENTRIES", entries)
    y, cache = depthwise_conv2d_forward(v, u, stride, padding)
    np.testing.assert_array_equal(y.reshape(want.shape), want)
    np.testing.assert_array_equal(
        depthwise_conv2d_backward(dy.reshape(y.shape), cache), conv2d_backward_input(dy, whole)
    )


def test_channels_stay_apart():
    v = np.zeros((1, 1, 1, 3))
    v[..., 1] = 1
    y, _ = depthwise_conv2d_forward(v, np.array([[[2.0, 4.0]]]))
    np.testing.assert_array_equal(y[0, 0, 0], [[0, 2, 0], [0, 4, 0]])


def test_no_images():
    y, cache = depthwise_conv2d_forward(np.zeros((0, 4, 3, 2)), np.ones((2, 2, 5)))
    assert y.shape == (0, 3, 2, 5, 2)
    assert depthwise_conv2d_backward(y, cache).shape == (0, 4, 3, 2)


def test_messages():
    with pytest.raises(ShapeError, match=r"^u has shape \(2, 2\), expected axes \(fh, fw, k\)$"):
        depthwise_conv2d_forward(np.zeros((1, 4, 4, 1)), np.zeros((2, 2)))
    with pytest.raises(ShapeError, match=r"^filters are 5 x 2 but images 4 x 4 with padding 0 on each side; "):
        depthwise_conv2d_forward(np.zeros((1, 4, 4, 1)), np.zeros((5, 2, 1)))
    with pytest.raises(DomainError, match=r"^stride is 0, expected an integer >= 1$"):
        depthwise_conv2d_forward(np.zeros((1, 4, 4, 1)), np.zeros((2, 2, 1)), stride=0)
