"""The depthwise convolution with fixed filters: the same k filters act on each channel alone (paper, sec. 3.4).

A convolution with a dictionary is depthwise if alpha is tied across channels. Then U = U_s (x) I, where U_s (fh fw, k)
is the dictionary of one channel and I the identity of the c channels; the depthwise form takes c times fewer products.
"""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes, check_gradient_of
from pp_ref.layers.conv2d import COLUMN_ENTRIES, patches
from pp_ref.layers.windows import blocks, overlap_add, pad, windows

__all__ = ["DepthwiseConv2dCache", "depthwise_conv2d_backward", "depthwise_conv2d_forward", "output_shape"]


class DepthwiseConv2dCache(NamedTuple):
    v_shape: tuple[int, int, int, int]  # (n, h, w, c)
    u: Array  # (fh, fw, k)
    stride: int
    padding: int


def depthwise_conv2d_forward(
    v: Array, u: Array, stride: int = 1, padding: int = 0
) -> tuple[Array, DepthwiseConv2dCache]:
    """y[n, i, j, s, c] = sum over p, q of v[n, i stride + p - padding, j stride + q - padding, c] u[p, q, s].

    v        (n, h, w, c) input images
    u        (fh, fw, k) filters of one channel, fixed; not flipped
    stride   int >= 1, pixels from one patch to the next
    padding  int >= 0, pixels of zeros on all four sides
    returns  y (n, h', w', k, c), as `conv2d_forward` counts h' and w'; cache
    raises   ShapeError, also for images smaller than the filters; DomainError for another stride or padding

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import depthwise_conv2d_forward
    >>> v = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])  # one image of 1 x 2 pixels and 2 channels
    >>> y, cache = depthwise_conv2d_forward(v, np.ones((1, 2, 1)))
    >>> y[0, 0, 0]
    array([[2., 4.]])
    """
    check_axes("n h w c, fh fw k", v=v, u=u)
    n, h, w, c = v.shape
    fh, fw, k = u.shape
    height, width = patches((h, w), (fh, fw), stride, padding)
    xp = array_namespace(v)
    y = xp.empty((n, height, width, k, c), dtype=xp.result_type(v, u))
    flat = xp.reshape(u, (fh * fw, k))
    for block in blocks(n, height * width * fh * fw * c, COLUMN_ENTRIES):
        padded = pad(pad(v[block, ...], 1, padding, padding), 2, padding, padding)
        # The axes of the patch come before those of the image, so that a product has all h' w' c columns of an image.
        rows = xp.stack(windows(padded, 2, fw, stride, width), axis=1)  # (n, fw, h + 2 padding, w', c)
        columns = xp.stack(windows(rows, 2, fh, stride, height), axis=1)  # (n, fh, fw, h', w', c)
        size = columns.shape[0]
        product = flat.T @ xp.reshape(columns, (size, fh * fw, height * width * c))  # (k, fh fw) (fh fw, h' w' c)
        y[block, ...] = xp.permute_dims(xp.reshape(product, (size, k, height, width, c)), (0, 2, 3, 1, 4))
    return y, DepthwiseConv2dCache(v.shape, u, stride, padding)


def depthwise_conv2d_backward(dy: Array, cache: DepthwiseConv2dCache) -> Array:
    """Pull dy (n, h', w', k, c) back to dv (n, h, w, c), summed where patches overlap.

    Derived in docs/derivations.md#depthwise_conv2d.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import depthwise_conv2d_backward, depthwise_conv2d_forward
    >>> v, u = np.array([[[[0.0, 1.0], [2.0, 3.0]]]]), np.array([[[1.0], [2.0]]])
    >>> y, cache = depthwise_conv2d_forward(v, u)
    >>> depthwise_conv2d_backward(np.ones_like(y), cache)[0, 0]
    array([[1., 1.],
           [2., 2.]])
    """
    check_gradient_of(output_shape(cache), dy=dy)
    (_, h, w, _), u, stride, padding = cache
    n, height, width, k, c = dy.shape
    fh, fw, _ = u.shape
    xp = array_namespace(dy)
    dv = xp.empty((n, h, w, c), dtype=xp.result_type(dy, u))
    flat = xp.reshape(u, (fh * fw, k))
    for block in blocks(n, height * width * fh * fw * c, COLUMN_ENTRIES):
        first = xp.permute_dims(dy[block, ...], (0, 3, 1, 2, 4))  # (n, k, h', w', c)
        size = first.shape[0]
        dcolumns = flat @ xp.reshape(first, (size, k, height * width * c))  # (fh fw, k) (k, h' w' c)
        dcolumns = xp.reshape(dcolumns, (size, fh, fw, height, width, c))
        parts = [dcolumns[:, p, ...] for p in range(fh)]
        drows = overlap_add(parts, 2, stride, h + 2 * padding)  # (n, fw, h + 2 padding, w', c)
        dpadded = overlap_add([drows[:, q, ...] for q in range(fw)], 2, stride, w + 2 * padding)
        dv[block, ...] = dpadded[:, padding : padding + h, padding : padding + w, :]
    return dv


def output_shape(cache: DepthwiseConv2dCache) -> tuple[int, int, int, int, int]:
    """Return (n, h', w', k, c), the shape of what forward returned."""
    (n, h, w, c), (fh, fw, k) = cache.v_shape, cache.u.shape
    return n, *patches((h, w), (fh, fw), cache.stride, cache.padding), k, c
