"""A predicted convolution from v, tile by tile: the gathered maps of a few images are multiplied while in the cache.

R_j is folded into w_j once a step and multiplies no pixel. The backward pass reads the gathered maps of a small batch;
it computes those of a large batch again, which is faster than reading them from main memory.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_axes
from pp_ref.errors import ShapeError
from pp_ref.kernels.cpu.conv_stencil import conv_gather, conv_scatter
from pp_ref.kernels.cpu.layer import KEPT
from pp_ref.kernels.cpu.threads import LEAST
from pp_ref.kernels.gate import check_dtype, check_images, check_weights, outputs
from pp_ref.kernels.operands import FilterOperands
from pp_ref.layers.predicted_conv2d import (
    PredictedConv2dCache,
    predicted_conv2d_backward,
    predicted_conv2d_backward_weights,
    predicted_conv2d_forward,
)

__all__ = ["ConvCache", "conv_backward", "conv_backward_weights", "conv_dense_forward", "conv_forward"]

Real = NDArray[Any]  # float32 or float64
TILE_BYTES = 1 << 20  # gathered maps of a tile; a product then finds them in the second-level cache
TILE = 2 * LEAST  # least number of images in a tile, so that two threads can divide it


class ConvCache(NamedTuple):
    f: FilterOperands
    v: Real  # (n, h, w, c)
    w: Sequence[Real]  # J of (k_j, m_j)
    b: Real
    stride: int
    padding: int
    folded: Sequence[Real]  # J of R_j w_j
    gathered: list[Real] | None  # v * K[:, alpha] of every tile (k, images, h', w'); None: backward computes it again
    dense: PredictedConv2dCache | None  # the definition's cache, if the step was computed by it


def conv_forward(
    v: Real,
    w: Sequence[Real],
    b: Real,
    f: FilterOperands,
    stride: int = 1,
    padding: int = 0,
    *,
    threads: int | None = None,
) -> tuple[Real, ConvCache]:
    """y = [(v * K[:, alpha_1]) (R_1 w_1), ...] + b = v * reshape([U_1 w_1, ..., U_J w_J]) + b.

    v        (n, h, w, c) of the filters' dtype; n = 0 and any strides are fine
    w        J arrays (k_j, m_j), the dynamic weights
    b        (m,) bias
    stride   int >= 1, pixels from one patch to the next
    padding  int >= 0, pixels of zeros on all four sides
    threads  number of threads of the passes; None: as many as the BLAS. It changes no bit of the passes
    returns  y (n, h', w', m), cache
    raises   ShapeError, also for images smaller than the filters; DomainError for another dtype, stride or padding

    2 n (c (D fh + S fw) (h + 2 padding - fh + 1) (w + 2 padding) + h' w' sum of k_j m_j) flops for D different rows
    among S sites. The definition computes everything if v or w holds NaN or infinity.
    """
    height, width = check_conv(v, w, b, f, stride, padding)
    if not all(np.isfinite(array).all() for array in (v, *w)):
        return conv_dense_forward(v, w, b, f, stride, padding)
    v = np.ascontiguousarray(v)
    maps = f.o.ends[-1] * height * width * f.o.dtype.itemsize
    cache = ConvCache(f, v, w, b, stride, padding, f.fold(w), [] if len(v) * maps <= KEPT else None, None)
    y, bias = np.empty((len(v), height, width, b.size), f.o.dtype), np.tile(b, (height, width, 1))  # of one image
    for rows in tiles(cache, y):
        gathered = gather(cache, rows, y, threads)
        pixels = gathered.reshape(len(gathered), -1)
        outs = y[rows].reshape(pixels.shape[1], b.size)
        for part, units, folded_j in zip(f.o.parts, _units(w), cache.folded, strict=True):
            np.matmul(pixels[part].T, folded_j, out=outs[:, units])  # (n h' w', k_j) (k_j, m_j)
        y[rows] += bias
        if cache.gathered is not None:
            cache.gathered.append(gathered)
    return y, cache


def conv_dense_forward(
    v: Real, w: Sequence[Real], b: Real, f: FilterOperands, stride: int = 1, padding: int = 0
) -> tuple[Real, ConvCache]:
    """As `conv_forward`, by the definition: every column of U_j is a filter; w_j combines the maps per pixel."""
    check_conv(v, w, b, f, stride, padding)
    y, own = predicted_conv2d_forward(v, f.tied, w, b, f.shape[:2], stride, padding)
    return y, ConvCache(f, v, w, b, stride, padding, (), None, own)


def conv_backward_weights(dy: Real, cache: ConvCache, *, threads: int | None = None) -> tuple[list[Real], Real]:
    """Pull dy (n, h', w', m) back to dw (J of (k_j, m_j)) and db (m,), for a first layer: its input is data.

    dw_j = R_j ((v * K[:, alpha_j])^T dy_j) over pixels, summed tile by tile in order. If dy is not finite, db shows it
    and the definition computes everything.
    raises  ShapeError, DomainError for another dtype
    """
    dy = checked(dy, cache)
    if cache.dense is not None:
        return predicted_conv2d_backward_weights(dy, cache.dense)
    f, units = cache.f, _units(cache.w)
    dw, db = [np.zeros_like(w_j) for w_j in cache.w], np.zeros(dy.shape[3], f.o.dtype)
    with np.errstate(invalid="ignore"):
        for number, rows in enumerate(tiles(cache, dy)):
            gathered = gather(cache, rows, dy, threads) if cache.gathered is None else cache.gathered[number]
            pixels = gathered.reshape(len(gathered), -1)
            pulled = dy[rows].reshape(pixels.shape[1], db.size)
            for dw_j, part, block in zip(dw, f.o.parts, units, strict=True):
                dw_j += pixels[part] @ pulled[:, block]  # (k_j, n h' w') (n h' w', m_j)
            db += np.ones(len(pulled), f.o.dtype) @ pulled
    if not np.isfinite(db).all():
        return predicted_conv2d_backward_weights(dy, dense(cache))
    return f.fold(dw), db


def conv_backward(dy: Real, cache: ConvCache, *, threads: int | None = None) -> tuple[Real, list[Real], Real]:
    """Pull dy (n, h', w', m) back to dv (n, h, w, c), dw (J of (k_j, m_j)), db (m,)."""
    dw, db = conv_backward_weights(dy, cache, threads=threads)
    if cache.dense is not None or not np.isfinite(db).all():
        return predicted_conv2d_backward(dy, dense(cache))
    f, units, dy = cache.f, _units(cache.w), checked(dy, cache)
    dv = np.empty(cache.v.shape, f.o.dtype)
    for rows in tiles(cache, dy):
        maps = np.empty((f.o.ends[-1], *dy[rows].shape[:3]), f.o.dtype)
        pulled = dy[rows].reshape(maps[0].size, dy.shape[3])
        for part, block, folded_j in zip(f.o.parts, units, cache.folded, strict=True):
            np.matmul(folded_j, pulled[:, block].T, out=maps.reshape(len(maps), -1)[part])  # (k_j, m_j) (m_j, n h' w')
        conv_scatter(maps, f, dv[rows], cache.stride, cache.padding, threads)
    return dv, dw, db


def tiles(cache: ConvCache, y: Real) -> list[slice]:
    """Slices of the images by sizes alone, so that the order in which dw is summed does not depend on threads."""
    maps = cache.f.o.ends[-1] * y[:1].size // max(y.shape[3], 1) * y.itemsize
    step = max(TILE_BYTES // max(maps, 1), TILE)
    return [slice(start, min(start + step, len(y))) for start in range(0, len(y), step)]


def gather(cache: ConvCache, rows: slice, y: Real, threads: int | None) -> Real:
    """Return v * K[:, alpha] of some images, (k_1 + ... + k_J, images, h', w')."""
    gathered = np.empty((cache.f.o.ends[-1], *y[rows].shape[:3]), cache.f.o.dtype)
    conv_gather(cache.v[rows], cache.f, gathered, cache.stride, cache.padding, threads)
    return gathered


def dense(cache: ConvCache) -> PredictedConv2dCache:
    """Return the definition's cache of the same step."""
    if cache.dense is not None:
        return cache.dense
    _, cache = conv_dense_forward(cache.v, cache.w, cache.b, cache.f, cache.stride, cache.padding)
    return dense(cache)


def checked(dy: Real, cache: ConvCache) -> Real:
    """Return dy C-contiguous; raises ShapeError, DomainError for another dtype."""
    f, (n, h, w, _) = cache.f, cache.v.shape
    check_dtype(f.o, dy=dy)
    shape = (n, *outputs(f, (h, w), cache.stride, cache.padding), cache.b.size)
    if dy.shape != shape:
        raise ShapeError(f"dy has shape {dy.shape}, expected that of y, {shape}")
    return np.ascontiguousarray(dy)


def check_conv(v: Real, w: Sequence[Real], b: Real, f: FilterOperands, stride: int, padding: int) -> tuple[int, int]:
    """Return h' and w'; raises ShapeError, DomainError."""
    check_images(f, "v", v, f.shape[2])
    check_weights(f.o, w)
    check_dtype(f.o, b=b)
    check_axes("m", b=b)
    m = sum(w_j.shape[1] for w_j in w)
    if b.size != m:
        raise ShapeError(f"axis m is {m} in [w_1, ..., w_J] but {b.size} in b")
    return outputs(f, v.shape[1:3], stride, padding)


def _units(w: Sequence[Real]) -> list[slice]:
    """The slice of each column's units among the m."""
    ends = [0, *np.cumsum([w_j.shape[1] for w_j in w]).tolist()]
    return [slice(start, end) for start, end in pairwise(ends)]
