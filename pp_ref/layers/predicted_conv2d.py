"""The predicted convolutional layer: only w is learned, the dictionary U is fixed (paper, sec. 3.4 and 4.2).

W* = reshape(U w): a filter of height fh, width fw and c channels is a vector of d = fh fw c weights, channels last. As
in `predicted`, J columns stand side by side in the output, and there are two orders with the same result:

    dictionary first   y = [(v * U_1) w_1, ..., (v * U_J) w_J]   `dictionary_conv2d`, then `combine` at every pixel
    weights first      y = v * [U_1 w_1, ..., U_J w_J]           `expand_filters`, then `conv2d`

A column's dictionary has one of two forms. A dense U (d, k) has any k elements. A dictionary tied across channels is
passed as U_s (fh fw, k / c) and stands for U = U_s (x) I, where I is the identity of the c channels: element s c + ic
is filter s in channel ic. U_s is ``U[::c, ::c]`` if a dense U is such a product. A product with U takes c times fewer
flops in the tied form.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes, check_gradient_of, check_integer
from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers import conv2d, depthwise_conv2d
from pp_ref.layers.conv2d import Conv2dCache, conv2d_backward_input, conv2d_backward_weights, conv2d_forward
from pp_ref.layers.depthwise_conv2d import DepthwiseConv2dCache, depthwise_conv2d_backward, depthwise_conv2d_forward
from pp_ref.layers.predicted import (
    Arrays,
    CombineCache,
    ExpandCache,
    Order,
    check_columns,
    combine_backward,
    combine_backward_weights,
    combine_forward,
    expand_backward,
    expand_forward,
    split,
)

__all__ = [
    "DictionaryConv2dCache",
    "DictionaryFirstConv2dCache",
    "ExpandFiltersCache",
    "PredictedConv2dCache",
    "WeightsFirstConv2dCache",
    "dictionary_conv2d_backward",
    "dictionary_conv2d_forward",
    "expand_filters_backward",
    "expand_filters_forward",
    "predicted_conv2d_backward",
    "predicted_conv2d_backward_weights",
    "predicted_conv2d_forward",
]

FilterShape = tuple[int, int]


class DictionaryConv2dCache(NamedTuple):
    columns: Sequence[Conv2dCache | DepthwiseConv2dCache]


class ExpandFiltersCache(NamedTuple):
    columns: Sequence[ExpandCache]
    w_shapes: Sequence[tuple[int, int]]  # J of (k_j, m_j)
    W_shape: tuple[int, int, int, int]  # (fh, fw, c, m)


class DictionaryFirstConv2dCache(NamedTuple):
    convolved: DictionaryConv2dCache
    combine: CombineCache  # over pixels: (n h' w', k_j)


class WeightsFirstConv2dCache(NamedTuple):
    expand: ExpandFiltersCache
    conv2d: Conv2dCache


PredictedConv2dCache = DictionaryFirstConv2dCache | WeightsFirstConv2dCache


def dictionary_conv2d_forward(
    v: Array, U: Arrays, filter_shape: FilterShape, stride: int = 1, padding: int = 0
) -> tuple[list[Array], DictionaryConv2dCache]:
    """pooled_j = v * U_j for every column: each element of the dictionary is a filter (sec. 3.4).

    v             (n, h, w, c) input images
    U             J arrays (fh fw c, k_j), or (fh fw, k_j / c) if tied across channels; fixed
    filter_shape  (fh, fw)
    stride        int >= 1
    padding       int >= 0, pixels of zeros on all four sides
    returns       J arrays (n, h', w', k_j), as `conv2d_forward` counts h' and w'; cache
    raises        ShapeError, DomainError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import dictionary_conv2d_forward
    >>> U = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])  # two filters of 1 x 3
    >>> v = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1)
    >>> pooled, cache = dictionary_conv2d_forward(v, [U], (1, 3))
    >>> pooled[0][0, 0]
    array([[2. , 4. ],
           [3.5, 5.5]])
    """
    check_columns(U=U)
    check_axes("n h w c", v=v)
    c, xp = v.shape[3], array_namespace(v)
    pooled: list[Array] = []
    caches: list[Conv2dCache | DepthwiseConv2dCache] = []
    for j, U_j in enumerate(U):
        copies, k = _copies(f"U[{j}]", U_j, filter_shape, c), U_j.shape[1]
        if copies == 1:
            y, cache = conv2d_forward(
                v, xp.reshape(U_j, (*filter_shape, c, k)), xp.zeros((k,), dtype=U_j.dtype), stride, padding
            )
            pooled.append(y)
            caches.append(cache)
        else:
            y, tied = depthwise_conv2d_forward(v, xp.reshape(U_j, (*filter_shape, k)), stride, padding)
            pooled.append(xp.reshape(y, (*y.shape[:3], k * c)))
            caches.append(tied)
    return pooled, DictionaryConv2dCache(caches)


def dictionary_conv2d_backward(dpooled: Arrays, cache: DictionaryConv2dCache) -> Array:
    """dv (n, h, w, c): the columns share their input, so their gradients add.

    Derived in docs/derivations.md#dictionary_conv2d.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import dictionary_conv2d_backward, dictionary_conv2d_forward
    >>> U = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    >>> pooled, cache = dictionary_conv2d_forward(np.zeros((1, 1, 4, 1)), [U], (1, 3))
    >>> dictionary_conv2d_backward([np.ones_like(pooled[0])], cache)[0, 0, :, 0]
    array([1., 2., 2., 1.])
    """
    check_columns(dpooled=dpooled, U=cache.columns)
    for j, (dpooled_j, cache_j) in enumerate(zip(dpooled, cache.columns, strict=True)):
        check_gradient_of(_pooled_shape(cache_j), **{f"dpooled[{j}]": dpooled_j})
    dv = _convolved_backward(dpooled[0], cache.columns[0])
    for dpooled_j, cache_j in zip(dpooled[1:], cache.columns[1:], strict=True):
        dv += _convolved_backward(dpooled_j, cache_j)
    return dv


def expand_filters_forward(
    U: Arrays, w: Arrays, filter_shape: FilterShape, channels: int
) -> tuple[Array, ExpandFiltersCache]:
    """W* = reshape([U_1 w_1, ..., U_J w_J]): all filters, predicted from the kept weights (sec. 3.4).

    U             J arrays (fh fw c, k_j), or (fh fw, k_j / c) if tied across channels; fixed
    w             J arrays (k_j, m_j), dynamic
    filter_shape  (fh, fw)
    channels      c
    returns       W (fh, fw, c, m), cache
    raises        ShapeError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import expand_filters_forward
    >>> U = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    >>> W, cache = expand_filters_forward([U], [np.array([[2.0], [4.0]])], (1, 3), channels=1)
    >>> W[0, :, 0, 0]
    array([2., 3., 4.])
    """
    check_columns(U=U, w=w)
    filters, caches = [], []
    for j, (U_j, w_j) in enumerate(zip(U, w, strict=True)):
        copies = _copies(f"U[{j}]", U_j, filter_shape, channels)
        check_axes("k m", **{f"w[{j}]": w_j})
        xp = array_namespace(w_j)
        k, m = w_j.shape
        if k != U_j.shape[1] * copies:
            raise ShapeError(f"axis k is {U_j.shape[1] * copies} in U[{j}] but {k} in w[{j}]")
        # (U_s (x) I) w_j: U_s acts on the site s of a weight (s, ic), in the same way for every channel and unit.
        W_j, cache = expand_forward([U_j], [xp.reshape(w_j, (U_j.shape[1], copies * m))])
        filters.append(xp.reshape(W_j, (*filter_shape, channels, m)))
        caches.append(cache)
    W = xp.concat(filters, axis=3)
    return W, ExpandFiltersCache(caches, [w_j.shape for w_j in w], W.shape)


def expand_filters_backward(dW: Array, cache: ExpandFiltersCache) -> list[Array]:
    """dw_j (k_j, m_j) = U_j^T dW_j, where dW_j (fh, fw, c, m_j) is the block of column j.

    Derived in docs/derivations.md#expand_filters.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import expand_filters_backward, expand_filters_forward
    >>> U = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    >>> W, cache = expand_filters_forward([U], [np.array([[2.0], [4.0]])], (1, 3), channels=1)
    >>> expand_filters_backward(np.ones_like(W), cache)[0]
    array([[1.5],
           [1.5]])
    """
    check_gradient_of(cache.W_shape, dW=dW)
    xp = array_namespace(dW)
    fh, fw, c, m = cache.W_shape
    dw = []
    blocks = split(xp.reshape(dW, (fh * fw * c, m)), [m_j for _, m_j in cache.w_shapes])
    for dW_j, cache_j, shape in zip(blocks, cache.columns, cache.w_shapes, strict=True):
        flat = xp.reshape(dW_j, (cache_j.U[0].shape[0], cache_j.widths[0]))  # (fh fw, c m_j) where tied
        dw.append(xp.reshape(expand_backward(flat, cache_j)[0], shape))
    return dw


def predicted_conv2d_forward(
    v: Array,
    U: Arrays,
    w: Arrays,
    b: Array,
    filter_shape: FilterShape,
    stride: int = 1,
    padding: int = 0,
    order: Order = "dictionary",
) -> tuple[Array, PredictedConv2dCache]:
    """y = v * reshape([U_1 w_1, ..., U_J w_J]) + b (sec. 3.4).

    v             (n, h, w, c) input images
    U             J arrays (fh fw c, k_j), or (fh fw, k_j / c) if tied across channels; fixed
    w             J arrays (k_j, m_j), dynamic
    b             (m,) bias
    filter_shape  (fh, fw)
    stride        int >= 1
    padding       int >= 0, pixels of zeros on all four sides
    order         flops for one column, d = fh fw c: "dictionary" 2 n h' w' k (d + m), "weights" 2 d m (k + n h' w');
                  tied across channels 2 n h' w' k (fh fw + m) and 2 d m (k / c + n h' w')
    returns       y (n, h', w', m), cache
    raises        ShapeError, DomainError

    In the paper's second layer, 64 filters of 8 x 8 x 48, with a quarter learned, dictionary first takes half the flops
    of the full layer if U is tied across channels, and 12 times as many if it is dense.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import predicted_conv2d_forward
    >>> U, w = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]), np.array([[2.0], [4.0]])  # so W = 2, 3, 4
    >>> v = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1)
    >>> y, cache = predicted_conv2d_forward(v, [U], [w], np.zeros(1), (1, 3))
    >>> y[0, 0, :, 0]
    array([20., 29.])
    """
    check_columns(U=U, w=w)
    if order == "dictionary":
        pooled, convolved = dictionary_conv2d_forward(v, U, filter_shape, stride, padding)
        n, height, width, _ = pooled[0].shape
        xp = array_namespace(v)
        flat = [xp.reshape(pooled_j, (n * height * width, pooled_j.shape[3])) for pooled_j in pooled]
        y, combine_cache = combine_forward(flat, w, b)
        y = xp.reshape(y, (n, height, width, b.shape[0]))
        return y, DictionaryFirstConv2dCache(convolved, combine_cache)
    if order == "weights":
        check_axes("n h w c", v=v)
        W, expand_cache = expand_filters_forward(U, w, filter_shape, v.shape[3])
        y, conv2d_cache = conv2d_forward(v, W, b, stride, padding)
        return y, WeightsFirstConv2dCache(expand_cache, conv2d_cache)
    raise DomainError(f"order is {order!r}, expected 'dictionary' or 'weights'")


def predicted_conv2d_backward(dy: Array, cache: PredictedConv2dCache) -> tuple[Array, list[Array], Array]:
    """Pull dy (n, h', w', m) back to dv (n, h, w, c), dw (J of (k_j, m_j)), db (m,).

    Derived in docs/derivations.md#predicted_conv2d.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import predicted_conv2d_backward, predicted_conv2d_forward
    >>> U, w = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]), np.array([[2.0], [4.0]])
    >>> v = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4, 1)
    >>> y, cache = predicted_conv2d_forward(v, [U], [w], np.zeros(1), (1, 3))
    >>> dv, dw, db = predicted_conv2d_backward(np.ones_like(y), cache)
    >>> dv[0, 0, :, 0]
    array([2., 5., 7., 4.])
    >>> dw[0]
    array([[5.5],
           [9.5]])
    """
    if isinstance(cache, DictionaryFirstConv2dCache):
        dpooled, dw, db = combine_backward(_pixels(dy, cache), cache.combine)
        xp = array_namespace(dy)
        images = [xp.reshape(dpooled_j, (*dy.shape[:3], dpooled_j.shape[1])) for dpooled_j in dpooled]
        return dictionary_conv2d_backward(images, cache.convolved), dw, db
    dW, db = conv2d_backward_weights(dy, cache.conv2d)
    return conv2d_backward_input(dy, cache.conv2d), expand_filters_backward(dW, cache.expand), db


def predicted_conv2d_backward_weights(dy: Array, cache: PredictedConv2dCache) -> tuple[list[Array], Array]:
    """Return dw and db alone, for a first layer: its input is data and needs no gradient."""
    if isinstance(cache, DictionaryFirstConv2dCache):
        return combine_backward_weights(_pixels(dy, cache), cache.combine)
    dW, db = conv2d_backward_weights(dy, cache.conv2d)
    return expand_filters_backward(dW, cache.expand), db


def _copies(name: str, U_j: Array, filter_shape: FilterShape, channels: int) -> int:
    """Return 1 for a dense U_j, c for a U_j tied across c channels."""
    check_axes("d k", **{name: U_j})
    fh, fw = filter_shape
    check_integer(1, **{"filter_shape[0]": fh, "filter_shape[1]": fw})
    if U_j.shape[0] not in (fh * fw, fh * fw * channels):
        raise ShapeError(
            f"{name} has {U_j.shape[0]} rows, expected fh fw c = {fh * fw * channels} for filters of {fh} x {fw} and "
            f"{channels} channels, or fh fw = {fh * fw} if it is tied across channels"
        )
    return 1 if U_j.shape[0] == fh * fw * channels else channels


def _convolved_backward(dpooled_j: Array, cache_j: Conv2dCache | DepthwiseConv2dCache) -> Array:
    if isinstance(cache_j, Conv2dCache):
        return conv2d_backward_input(dpooled_j, cache_j)
    k = cache_j.u.shape[2]
    shape = (*dpooled_j.shape[:3], k, dpooled_j.shape[3] // k)
    return depthwise_conv2d_backward(array_namespace(dpooled_j).reshape(dpooled_j, shape), cache_j)


def _pooled_shape(cache_j: Conv2dCache | DepthwiseConv2dCache) -> tuple[int, int, int, int]:
    """(n, h', w', k_j)"""
    if isinstance(cache_j, Conv2dCache):
        return conv2d.output_shape(cache_j)
    n, height, width, k, c = depthwise_conv2d.output_shape(cache_j)
    return n, height, width, k * c


def _pixels(dy: Array, cache: DictionaryFirstConv2dCache) -> Array:
    n, height, width, _ = _pooled_shape(cache.convolved.columns[0])
    m = sum(w_j.shape[1] for w_j in cache.combine.w)
    check_gradient_of((n, height, width, m), dy=dy)
    return array_namespace(dy).reshape(dy, (n * height * width, m))
