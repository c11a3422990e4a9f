"""Pooling: ties, edges, NaN, the maps of the paper's net, the messages."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers import pooling
from pp_ref.layers.conv2d import conv2d_forward
from pp_ref.layers.flatten import flatten_forward
from pp_ref.layers.pooling import (
    average_pool2d_backward,
    average_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)

POOLS = [(max_pool2d_forward, max_pool2d_backward), (average_pool2d_forward, average_pool2d_backward)]


def image(*rows, dtype=float):
    return np.array(rows, dtype)[None, :, :, None]


def test_the_maps_of_the_cifar_net():
    """The sides are 32, 33, 16, 15, 7, 9, 5 pixels, so the fully connected layer reads 5 x 5 x 64 inputs."""
    v, sides = np.zeros((1, 32, 32, 3), np.float32), [32]
    for filters, channels, padding, size in ((8, 2, 4, 4), (8, 2, 3, 4), (5, 64, 3, 2)):
        W = np.zeros((filters, filters, v.shape[3], channels), np.float32)
        v, _ = conv2d_forward(v, W, np.zeros(channels, np.float32), 1, padding)
        sides.append(v.shape[1])
        v, _ = max_pool2d_forward(v, size, 2)
        sides.append(v.shape[1])
        assert v.shape[1] == v.shape[2]
    assert sides == [32, 33, 16, 15, 7, 9, 5]
    assert flatten_forward(v)[0].shape == (1, 1600)


@pytest.mark.parametrize("dtype", ["f4", "f8", "g"])
def test_maxima_and_where_they_were(dtype):
    v = image([1, 2, 3, 4, 0], [8, 7, 6, 5, -9], [-1, -2, -3, -4, -5], dtype=dtype)
    y, cache = max_pool2d_forward(v, 2, 2)
    np.testing.assert_array_equal(y, image([8, 6, 0], [-1, -3, -5]))
    assert y.dtype == dtype
    dv = max_pool2d_backward(image([1, 2, 4], [8, 16, 32], dtype=dtype), cache)
    np.testing.assert_array_equal(dv, image([0, 0, 0, 0, 4], [1, 0, 2, 0, 0], [8, 0, 16, 0, 32]))


def test_without_ceil_the_edge_is_left_out():
    v = image([1, 2, 9], [3, 4, 9], [9, 9, 9])
    y, cache = max_pool2d_forward(v, 2, 2, ceil=False)
    np.testing.assert_array_equal(y, image([4]))
    np.testing.assert_array_equal(max_pool2d_backward(np.ones_like(y), cache), image([0, 0, 0], [0, 1, 0], [0, 0, 0]))
    y, cache = average_pool2d_forward(v, 2, 2, ceil=False)
    np.testing.assert_array_equal(y, image([2.5]))
    dv = average_pool2d_backward(np.full_like(y, 4), cache)
    np.testing.assert_array_equal(dv, image([1, 1, 0], [1, 1, 0], [0, 0, 0]))


@pytest.mark.parametrize(
    ("rows", "winner"),
    [
        ([[1, 1], [1, 1]], (0, 0)),
        ([[0, 1], [1, 1]], (0, 1)),
        ([[0, 1], [1, 0]], (0, 1)),  # row-major: the first row before the first column
        ([[0, 0], [1, 1]], (1, 0)),
        ([[-np.inf, -np.inf], [-np.inf, -np.inf]], (0, 0)),
    ],
)
def test_first_pixel_in_row_major_order_wins_a_tie(rows, winner):
    y, cache = max_pool2d_forward(image(*rows), 2, 2)
    dv = max_pool2d_backward(np.ones_like(y), cache)
    assert [tuple(at) for at in np.argwhere(dv[0, :, :, 0])] == [winner]
    assert dv.sum() == 1


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_ties_against_argmax_of_each_window(size, stride):
    v = np.random.default_rng(size).integers(0, 3, (2, 7, 6, 3)).astype(float)
    y, cache = max_pool2d_forward(v, size, stride)
    dy = 2.0 ** np.arange(y.shape[1] * y.shape[2]).reshape(1, *y.shape[1:3], 1) * np.ones_like(y)
    want = np.zeros_like(v)
    for n, i, j, c in np.ndindex(y.shape):
        window = v[n, i * stride : i * stride + size, j * stride : j * stride + size, c]
        p, q = np.unravel_index(window.argmax(), window.shape)
        want[n, i * stride + p, j * stride + q, c] += dy[n, i, j, c]
    np.testing.assert_array_equal(max_pool2d_backward(dy, cache), want)


def test_a_pixel_that_wins_twice_adds():
    y, cache = max_pool2d_forward(image([0, 1, 0]).repeat(3, axis=1), 3, 1)
    assert y.shape == (1, 1, 1, 1)
    v = image([0, 0, 0], [0, 9, 0], [0, 0, 0])
    y, cache = max_pool2d_forward(v, 2, 1)
    np.testing.assert_array_equal(y, np.full((1, 2, 2, 1), 9.0))
    np.testing.assert_array_equal(max_pool2d_backward(image([1, 2], [4, 8]), cache), v / 9 * 15)


def test_nan_wins_in_every_place():
    for at in range(4):
        v = np.array([1.0, 2.0, 3.0, 4.0])
        v[at] = np.nan
        y, cache = max_pool2d_forward(v.reshape(1, 2, 2, 1), 2, 2)
        assert np.isnan(y).all()
        assert max_pool2d_backward(np.ones_like(y), cache).ravel()[at] == 1


def test_average_counts_real_pixels():
    v = image([1, 3, 5], [3, 5, 7], [4, 8, 2])
    y, cache = average_pool2d_forward(v, 2, 2)
    np.testing.assert_array_equal(y, image([3, 6], [6, 2]))
    dv = average_pool2d_backward(image([4, 2], [2, 1]), cache)
    np.testing.assert_array_equal(dv, image([1, 1, 1], [1, 1, 1], [1, 1, 1]))


def test_a_constant_image_stays_constant():
    for forward, _ in POOLS:
        y, _ = forward(np.full((2, 7, 5, 3), 0.75), 4, 3)
        np.testing.assert_array_equal(y, np.full((2, 2, 2, 3), 0.75))


@pytest.mark.parametrize(("forward", "backward"), POOLS)
def test_windows_of_one_pixel_are_the_identity(forward, backward):
    v = np.arange(24.0).reshape(2, 2, 3, 2)
    y, cache = forward(v, 1, 1)
    np.testing.assert_array_equal(y, v)
    np.testing.assert_array_equal(backward(v, cache), v)


@pytest.mark.parametrize(("forward", "backward"), POOLS)
def test_blocks_of_the_batch_change_nothing(forward, backward, monkeypatch):
    v = np.random.default_rng(0).standard_normal((7, 5, 4, 2))
    y, cache = forward(v, 3, 2)
    dv = backward(y, cache)
    for entries in (1, 3 * v[0].size):
        monkeypatch.setattr(pooling, "BLOCK_ENTRIES", entries)
        part, cache = forward(v, 3, 2)
        np.testing.assert_array_equal(part, y)
        np.testing.assert_array_equal(backward(y, cache), dv)


@pytest.mark.parametrize(("forward", "backward"), POOLS)
def test_no_images(forward, backward):
    y, cache = forward(np.zeros((0, 5, 4, 3)), 2, 2)
    assert (y.shape, backward(y, cache).shape) == ((0, 3, 2, 3), (0, 5, 4, 3))


@pytest.mark.parametrize("forward", [forward for forward, _ in POOLS])
def test_messages(forward):
    v = np.zeros((1, 3, 5, 1))
    with pytest.raises(DomainError, match=r"^size is 0, expected an integer >= 1$"):
        forward(v, 0, 1)
    with pytest.raises(DomainError, match=r"^stride is -1, expected an integer >= 1$"):
        forward(v, 2, -1)
    with pytest.raises(DomainError, match=r"^size is 2\.0, expected an integer >= 1$"):
        forward(v, 2.0, 1)
    with pytest.raises(ShapeError, match=r"^images are 3 x 5, smaller than a window of 4 x 4: take a smaller size$"):
        forward(v, 4, 1)
    with pytest.raises(ShapeError, match=r"^v has shape \(3, 5, 1\), expected axes \(n, h, w, c\)$"):
        forward(v[0], 2, 1)
