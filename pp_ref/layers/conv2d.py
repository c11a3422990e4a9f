"""The convolutional layer, y = v * W + b (paper, sec. 3.4: g^-1(h) = v * W*), computed as a correlation.

The layer is a matrix product: each patch under the filters is a row of a matrix (im2col). Forward builds the matrix for
one block of the batch at a time and does not keep it: in float32 at batch 128, the matrices of the paper's three layers
take 107, 354 and 66 MB, their inputs 2, 6 and 2. Backward builds it again: a copy is cheap beside a product.
"""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes, check_gradient_of, check_integer
from pp_ref.errors import ShapeError
from pp_ref.layers.windows import blocks, count_windows, overlap_add, pad, windows

__all__ = [
    "COLUMN_ENTRIES",
    "Conv2dCache",
    "conv2d_backward",
    "conv2d_backward_input",
    "conv2d_backward_weights",
    "conv2d_forward",
    "output_shape",
    "patches",
]

# Entries of the column buffer, 16 MB in float32. A block is then some thousand patches, enough for a product at BLAS's
# full rate, and is still in the cache, or near it, when the product reads it.
COLUMN_ENTRIES = 2**22


class Conv2dCache(NamedTuple):
    v: Array  # (n, h, w, c)
    W: Array  # (fh, fw, c, m)
    stride: int
    padding: int


def conv2d_forward(v: Array, W: Array, b: Array, stride: int = 1, padding: int = 0) -> tuple[Array, Conv2dCache]:
    """y[n, i, j] = b + sum over p, q of v[n, i stride + p - padding, j stride + q - padding] W[p, q], v = 0 outside.

    v        (n, h, w, c) input images
    W        (fh, fw, c, m) filters; not flipped
    b        (m,) bias
    stride   int >= 1, pixels from one patch to the next
    padding  int >= 0, pixels of zeros on all four sides
    returns  y (n, h', w', m) with h' = 1 + (h + 2 padding - fh) // stride, w' likewise; cache
    raises   ShapeError, also for images smaller than the filters; DomainError for another stride or padding

    A NaN in W reaches every output, even where it only meets padding: 0 NaN is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import conv2d_forward
    >>> v, W = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1))
    >>> y, cache = conv2d_forward(v, W, np.zeros(1))
    >>> y[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    check_axes("n h w c, fh fw c m, m", v=v, W=W, b=b)
    fh, fw, c, m = W.shape
    height, width = patches(v.shape[1:3], (fh, fw), stride, padding)
    xp = array_namespace(v)
    y = xp.empty((v.shape[0], height, width, m), dtype=xp.result_type(v, W, b))
    flat = xp.reshape(W, (fh * fw * c, m))
    for block in blocks(v.shape[0], height * width * fh * fw * c, COLUMN_ENTRIES):
        product = _columns(v[block, ...], W.shape, stride, padding) @ flat  # (n h' w', fh fw c) (fh fw c, m)
        y[block, ...] = xp.reshape(product + b, y[block, ...].shape)
    return y, Conv2dCache(v, W, stride, padding)


def conv2d_backward(dy: Array, cache: Conv2dCache) -> tuple[Array, Array, Array]:
    """Pull dy (n, h', w', m) back to dv (n, h, w, c), dW (fh, fw, c, m), db (m,).

    Derived in docs/derivations.md#conv2d.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import conv2d_backward, conv2d_forward
    >>> v, W = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1))
    >>> y, cache = conv2d_forward(v, W, np.zeros(1))
    >>> dv, dW, db = conv2d_backward(np.ones_like(y), cache)
    >>> dv[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    return conv2d_backward_input(dy, cache), *conv2d_backward_weights(dy, cache)


def conv2d_backward_input(dy: Array, cache: Conv2dCache) -> Array:
    """Return dv alone: the gradients of the patches, summed where patches overlap (col2im)."""
    check_gradient_of(output_shape(cache), dy=dy)
    v, W, stride, padding = cache
    n, h, w, c = v.shape
    fh, fw, _, m = W.shape
    xp = array_namespace(dy)
    dv = xp.empty((n, h, w, c), dtype=xp.result_type(dy, W))
    flat = xp.reshape(W, (fh * fw * c, m))
    for block in blocks(n, dy.shape[1] * dy.shape[2] * fh * fw * c, COLUMN_ENTRIES):
        dcolumns = _rows(dy[block, ...]) @ flat.T  # (n h' w', m) (m, fh fw c)
        dcolumns = xp.reshape(dcolumns, (*dy[block, ...].shape[:3], fh, fw, c))
        parts = [dcolumns[:, :, :, p, :, :] for p in range(fh)]
        drows = overlap_add(parts, 1, stride, h + 2 * padding)  # (n, h + 2 padding, w', fw, c)
        dpadded = overlap_add([drows[:, :, :, q, :] for q in range(fw)], 2, stride, w + 2 * padding)
        dv[block, ...] = dpadded[:, padding : padding + h, padding : padding + w, :]
    return dv


def conv2d_backward_weights(dy: Array, cache: Conv2dCache) -> tuple[Array, Array]:
    """Return dW and db alone, for a first layer: its input is data and needs no gradient."""
    check_gradient_of(output_shape(cache), dy=dy)
    v, W, stride, padding = cache
    n, _, _, c = v.shape
    fh, fw, _, m = W.shape
    xp = array_namespace(dy)
    dW = xp.zeros((fh * fw * c, m), dtype=xp.result_type(v, dy))
    for block in blocks(n, dy.shape[1] * dy.shape[2] * fh * fw * c, COLUMN_ENTRIES):
        columns = _columns(v[block, ...], W.shape, stride, padding)
        dW += columns.T @ _rows(dy[block, ...])  # (fh fw c, n h' w') (n h' w', m)
    return xp.reshape(dW, (fh, fw, c, m)), xp.sum(_rows(dy), axis=0)


def output_shape(cache: Conv2dCache) -> tuple[int, int, int, int]:
    """Return (n, h', w', m), the shape of what forward returned."""
    v, W, stride, padding = cache
    return v.shape[0], *patches(v.shape[1:3], W.shape[:2], stride, padding), W.shape[3]


def patches(image_shape: tuple[int, int], filter_shape: tuple[int, int], stride: int, padding: int) -> tuple[int, int]:
    """Return h' and w', the numbers of patches along the height and the width of images of (h, w).

    raises  ShapeError for images smaller than the filters, DomainError for a stride < 1 or a padding < 0
    """
    check_integer(1, stride=stride)
    check_integer(0, padding=padding)
    h, w = image_shape
    (fh, fw), padded = filter_shape, (h + 2 * padding, w + 2 * padding)
    if not (1 <= fh <= padded[0] and 1 <= fw <= padded[1]):
        raise ShapeError(
            f"filters are {fh} x {fw} but images {h} x {w} with padding {padding} on each side; expected filters of "
            f"at least 1 x 1 and at most {padded[0]} x {padded[1]}: pad more or take smaller filters"
        )
    return count_windows(padded[0], fh, stride), count_windows(padded[1], fw, stride)


def _columns(v: Array, filter_shape: tuple[int, ...], stride: int, padding: int) -> Array:
    """Return the patches (n h' w', fh fw c), one per row, with entries in the order of the filters' (im2col)."""
    fh, fw, c, _ = filter_shape
    height, width = patches(v.shape[1:3], (fh, fw), stride, padding)
    xp = array_namespace(v)
    padded = pad(pad(v, 1, padding, padding), 2, padding, padding)
    rows = xp.stack(windows(padded, 2, fw, stride, width), axis=3)  # (n, h + 2 padding, w', fw, c)
    columns = xp.stack(windows(rows, 1, fh, stride, height), axis=3)  # (n, h', w', fh, fw, c)
    return xp.reshape(columns, (v.shape[0] * height * width, fh * fw * c))


def _rows(dy: Array) -> Array:
    """Return dy as (n h' w', m), one pixel per row."""
    n, height, width, m = dy.shape
    return array_namespace(dy).reshape(dy, (n * height * width, m))
