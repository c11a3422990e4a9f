"""Max-pooling and average-pooling of images, by windows along the width and then along the height.

The paper does not say how its convnet pools (sec. 4.2). With ``ceil``, a last window may reach over the lower or right
edge. Pixels there are -inf for the maximum. The average leaves them out, so that a constant image stays constant.
"""

from functools import reduce
from operator import add
from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes, check_gradient_of, check_integer
from pp_ref.errors import ShapeError
from pp_ref.layers.windows import blocks, count_windows, overlap_add, pad, take, windows

__all__ = [
    "AveragePool2dCache",
    "MaxPool2dCache",
    "average_pool2d_backward",
    "average_pool2d_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
]

HEIGHT, WIDTH = 1, 2
# Entries of a block of images: half a megabyte in float32. Intermediate arrays then stay in the cache, and every block
# reuses their memory; a whole batch at once takes several times as long.
BLOCK_ENTRIES = 2**17


class MaxPool2dCache(NamedTuple):
    row: Array  # (n, h', w', c) int16: which row of the window has the maximum
    column: Array  # (n, h, w', c) int16: which column, for a window of one row
    image_shape: tuple[int, int]  # (h, w)
    size: int
    stride: int


class AveragePool2dCache(NamedTuple):
    pixels: Array  # (h', w', 1), the number in each window that exist
    image_shape: tuple[int, int]  # (h, w)
    size: int
    stride: int


def max_pool2d_forward(v: Array, size: int, stride: int, ceil: bool = True) -> tuple[Array, MaxPool2dCache]:
    """y[n, i, j, c] = max over p, q < size of v[n, i stride + p, j stride + q, c].

    v        (n, h, w, c) input images
    size     int >= 1, height and width of a window
    stride   int >= 1, pixels from one window to the next
    ceil     whether a last window may reach over the edge, where v is -inf
    returns  y (n, h', w', c) with h' = 1 + (h - size) / stride, rounded up or down; w' likewise; cache
    raises   ShapeError, also for images smaller than a window; DomainError for another size or stride

    The first pixel in row-major order wins a tie and takes the whole gradient: the first row that has the maximum, and
    in it the first column. NaN counts as larger than any number.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import max_pool2d_forward
    >>> y, cache = max_pool2d_forward(np.arange(16.0).reshape(1, 4, 4, 1), size=2, stride=2)
    >>> y[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    height, width = _outputs(v, size, stride, ceil)
    n, h, w, c = v.shape
    xp = array_namespace(v)
    y = xp.empty((n, height, width, c), dtype=v.dtype)
    row = xp.empty((n, height, width, c), dtype=xp.int16)
    column = xp.empty((n, h, width, c), dtype=xp.int16)
    for block in blocks(n, h * w * c, BLOCK_ENTRIES):
        across, column[block, ...] = _largest(v[block, ...], WIDTH, size, stride, width)
        y[block, ...], row[block, ...] = _largest(across, HEIGHT, size, stride, height)
    return y, MaxPool2dCache(row, column, (h, w), size, stride)


def max_pool2d_backward(dy: Array, cache: MaxPool2dCache) -> Array:
    """dv (n, h, w, c): the sum of dy (n, h', w', c) over the windows that each pixel won, zero where it won none.

    A dy that is NaN or infinite makes NaN of its window's other pixels too: 0 NaN and 0 inf are NaN.
    Derived in docs/derivations.md#max_pool2d.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import max_pool2d_backward, max_pool2d_forward
    >>> y, cache = max_pool2d_forward(np.arange(9.0).reshape(1, 3, 3, 1), size=2, stride=1)
    >>> max_pool2d_backward(np.ones_like(y), cache)[0, :, :, 0]  # each window's last pixel is its largest
    array([[0., 0., 0.],
           [0., 1., 1.],
           [0., 1., 1.]])
    """
    row, column, (h, w), size, stride = cache
    check_gradient_of(row.shape, dy=dy)
    n, _, _, c = dy.shape
    xp = array_namespace(dy)
    dv = xp.empty((n, h, w, c), dtype=dy.dtype)
    for block in blocks(n, h * w * c, BLOCK_ENTRIES):
        share = dy[block, ...]
        for winner, axis, extent in ((row, HEIGHT, h), (column, WIDTH, w)):
            # A product and not `where`, whose branches are slow because the winner is unpredictable.
            parts = [share * xp.astype(winner[block, ...] == at, dy.dtype) for at in range(size)]
            share = _overlap_add(parts, axis, stride, extent)
        dv[block, ...] = share
    return dv


def average_pool2d_forward(v: Array, size: int, stride: int, ceil: bool = True) -> tuple[Array, AveragePool2dCache]:
    """y[n, i, j, c] = mean over p, q < size of v[n, i stride + p, j stride + q, c].

    v        (n, h, w, c) input images
    size     int >= 1, height and width of a window
    stride   int >= 1, pixels from one window to the next
    ceil     whether a last window may reach over the edge; its mean is over the pixels that exist
    returns  y (n, h', w', c) with h' = 1 + (h - size) / stride, rounded up or down; w' likewise; cache
    raises   ShapeError, also for images smaller than a window; DomainError for another size or stride

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import average_pool2d_forward
    >>> y, cache = average_pool2d_forward(np.arange(16.0).reshape(1, 4, 4, 1), size=2, stride=2)
    >>> y[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    height, width = _outputs(v, size, stride, ceil)
    xp = array_namespace(v)
    n, h, w, c = v.shape
    rows = [min(size, h - i * stride) for i in range(height)]
    columns = [min(size, w - j * stride) for j in range(width)]
    pixels = xp.asarray([[[p * q] for q in columns] for p in rows], dtype=v.dtype)
    y = xp.empty((n, height, width, c), dtype=v.dtype)
    for block in blocks(n, h * w * c, BLOCK_ENTRIES):
        total = v[block, ...]
        for axis, extent, count in ((WIDTH, w, width), (HEIGHT, h, height)):
            padded = pad(total, axis, 0, max(0, _reach(size, stride, count) - extent))
            total = reduce(add, windows(padded, axis, size, stride, count))
        y[block, ...] = total / pixels
    return y, AveragePool2dCache(pixels, (h, w), size, stride)


def average_pool2d_backward(dy: Array, cache: AveragePool2dCache) -> Array:
    """dv (n, h, w, c): each window divides its dy (n, h', w', c) equally between its pixels that exist.

    Derived in docs/derivations.md#average_pool2d.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import average_pool2d_backward, average_pool2d_forward
    >>> y, cache = average_pool2d_forward(np.arange(4.0).reshape(1, 2, 2, 1), size=2, stride=2)
    >>> average_pool2d_backward(np.ones_like(y), cache)[0, :, :, 0]
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    pixels, (h, w), size, stride = cache
    check_gradient_of(("n", *pixels.shape[:2], "c"), dy=dy)
    n, _, _, c = dy.shape
    dv = array_namespace(dy).empty((n, h, w, c), dtype=dy.dtype)
    for block in blocks(n, h * w * c, BLOCK_ENTRIES):
        share = dy[block, ...] / pixels
        for axis, extent in ((HEIGHT, h), (WIDTH, w)):
            share = _overlap_add([share] * size, axis, stride, extent)
        dv[block, ...] = share
    return dv


def _outputs(v: Array, size: int, stride: int, ceil: bool) -> tuple[int, int]:
    check_axes("n h w c", v=v)
    check_integer(1, size=size, stride=stride)
    _, h, w, _ = v.shape
    if min(h, w) < size:
        raise ShapeError(f"images are {h} x {w}, smaller than a window of {size} x {size}: take a smaller size")
    return count_windows(h, size, stride, ceil), count_windows(w, size, stride, ceil)


def _largest(v: Array, axis: int, size: int, stride: int, count: int) -> tuple[Array, Array]:
    """Return the maximum of every window along one axis, and its place in the window: the first of a tie."""
    xp = array_namespace(v)
    padded = pad(v, axis, 0, max(0, _reach(size, stride, count) - v.shape[axis]), -float("inf"))
    parts = windows(padded, axis, size, stride, count)
    largest = reduce(xp.maximum, parts)
    won, winner = xp.zeros(largest.shape, dtype=xp.bool), xp.zeros(largest.shape, dtype=xp.int16)
    for part in parts[:-1]:
        won = won | (part == largest) | xp.isnan(part)
        winner = winner + xp.astype(~won, xp.int16)  # counts the places before the winner
    return largest, winner


def _overlap_add(parts: list[Array], axis: int, stride: int, extent: int) -> Array:
    """`overlap_add` onto an axis of ``extent`` pixels; gradients of pixels beyond the edge are dropped."""
    reach = _reach(len(parts), stride, parts[0].shape[axis])
    return take(overlap_add(parts, axis, stride, max(reach, extent)), axis, 0, extent)


def _reach(size: int, stride: int, count: int) -> int:
    """Return the end of the last window along an axis."""
    return stride * (count - 1) + size
