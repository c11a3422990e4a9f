"""The loops of a convolution, on numbers that can be checked by eye."""

import numpy as np
import pytest

from pp_ref.errors import ShapeError
from pp_ref.kernels.cpu.conv2d import conv2d_loops


def test_a_correlation_by_hand():
    v, W = np.arange(9.0).reshape(1, 3, 3, 1), np.array([[1.0, 10.0], [100.0, 1000.0]])[:, :, None, None]
    want = [[4310.0, 5421.0], [7643.0, 8754.0]]  # 4310 = 1 * 0 + 10 * 1 + 100 * 3 + 1000 * 4
    np.testing.assert_array_equal(conv2d_loops(v, W, np.zeros(1))[0, :, :, 0], want)
    corners = conv2d_loops(v, W, np.zeros(1), stride=3, padding=1)[0, :, :, 0]
    np.testing.assert_array_equal(corners, [[0, 200], [60, 8]])


def test_bias_and_no_images():
    v, W, b = np.zeros((0, 2, 3, 1)), np.ones((1, 1, 1, 2)), np.array([1.0, 2.0])
    assert conv2d_loops(v, W, b).shape == (0, 2, 3, 2)
    np.testing.assert_array_equal(conv2d_loops(np.zeros((1, 1, 1, 1)), W, b), [[[[1, 2]]]])


def test_messages():
    with pytest.raises(ShapeError, match=r"^filters are 3 x 1 but images 2 x 2 with padding 0: pad more$"):
        conv2d_loops(np.zeros((1, 2, 2, 1)), np.zeros((3, 1, 1, 1)), np.zeros(1))
    with pytest.raises(ShapeError, match=r"^axis c is 2 in v but 1 in W$"):
        conv2d_loops(np.zeros((1, 2, 2, 2)), np.zeros((1, 1, 1, 1)), np.zeros(1))
