"""A columnar layer from v, tile by tile: R_j is folded into w_j and multiplies no example.

A tile of the gathered v K is multiplied while it is in the second-level cache. The backward pass reads the gathered v K
of a small batch; it computes that of a large batch again, which is faster than reading it from main memory.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.cpu.combine import (
    PooledCache,
    check_layer,
    columns_backward,
    columns_backward_weights,
    columns_forward,
    combine,
    combine_adjoint,
    combine_weights,
    fit,
)
from pp_ref.kernels.cpu.fused import TILE, tiles
from pp_ref.kernels.cpu.stencil import gather_smooth, smooth_scatter
from pp_ref.kernels.gate import check_rows
from pp_ref.kernels.operands import SeparableOperands

__all__ = ["LayerCache", "layer_backward", "layer_backward_weights", "layer_forward"]

Real = NDArray[Any]  # float32 or float64
KEPT = 1 << 24  # most bytes of gathered v K in a cache: half of what the C library reuses without page faults


class LayerCache(NamedTuple):
    o: SeparableOperands
    v: Real  # (n, d)
    w: Sequence[Real]  # J of (k_j, m_j)
    folded: Sequence[Real]  # J of R_j w_j
    gathered: Real | None  # (n, k_1 + ... + k_J): (v K)[:, alpha]; None: backward computes it again


def layer_forward(
    v: Real, w: Sequence[Real], b: Real, o: SeparableOperands, *, threads: int | None = None
) -> tuple[Real, LayerCache | PooledCache]:
    """y = [(v K)[:, alpha_1] (R_1 w_1), ..., (v K)[:, alpha_J] (R_J w_J)] + b = v [U_1 w_1, ..., U_J w_J] + b.

    v        (n, d) of the operands' dtype; n = 0 and any strides are fine
    w        J arrays (k_j, m_j), the dynamic weights
    b        (m,) bias
    threads  number of threads of the passes; None: as many as the BLAS. It changes no bit of the passes
    returns  y (n, m), cache
    raises   ShapeError, DomainError for another dtype

    2 n (2 d (T_y + T_x + 1) + sum of k_j m_j) + 2 sum of k_j^2 m_j flops. `columns_forward` computes everything if v or
    w holds NaN or infinity, so that they reach the entries of v U w.
    """
    check_rows(o, "d", o.d, v=v)
    check_layer(w, b, o)
    if not all(np.isfinite(w_j).all() for w_j in w):
        return columns_forward(v, w, b, o)
    folded = o.fold(w)
    y = np.empty((len(v), b.size), o.dtype)
    kept = len(v) <= TILE or len(v) * o.ends[-1] * o.dtype.itemsize <= KEPT
    gathered = np.empty((len(v) if kept else TILE, o.ends[-1]), o.dtype)
    for rows in tiles(len(v)):
        tile = gathered[rows] if kept else gathered[: rows.stop - rows.start]
        if not gather_smooth(v[rows], o.alpha, tile, o, threads).all():
            return columns_forward(v, w, b, o)
        combine(tile, folded, y[rows])
    y += b
    return y, LayerCache(o, v, w, folded, gathered if kept else None)


def layer_backward_weights(
    dy: Real, cache: LayerCache | PooledCache, *, threads: int | None = None
) -> tuple[list[Real], Real]:
    """Pull dy (n, m) back to dw (J of (k_j, m_j)) and db (m,), for a first layer: its input is data.

    dw_j = R_j ((v K)[:, alpha_j]^T dy_j), summed tile by tile in order.
    """
    cache = fit(dy, cache)
    if isinstance(cache, PooledCache):
        return columns_backward_weights(dy, cache)
    o = cache.o
    dw: list[Real] = []
    for rows in tiles(len(dy)):
        if cache.gathered is None:
            gathered = np.empty((rows.stop - rows.start, o.ends[-1]), o.dtype)
            gather_smooth(cache.v[rows], o.alpha, gathered, o, threads)
        else:
            gathered = cache.gathered[rows]
        products = combine_weights(gathered, dy[rows], cache.w)
        if dw:
            for dw_j, product in zip(dw, products, strict=True):
                dw_j += product
        dw = dw or products
    return o.fold(dw), dy.sum(axis=0)


def layer_backward(
    dy: Real, cache: LayerCache | PooledCache, *, threads: int | None = None
) -> tuple[Real, list[Real], Real]:
    """Pull dy (n, m) back to dv (n, d), dw (J of (k_j, m_j)), db (m,): dv = [dy_1 (R_1 w_1)^T, ...] S^T K."""
    cache = fit(dy, cache)
    if isinstance(cache, PooledCache):
        return columns_backward(dy, cache)
    o = cache.o
    dv = np.empty((len(dy), o.d), o.dtype)
    dgathered = np.empty((min(len(dy), TILE), o.ends[-1]), o.dtype)
    for rows in tiles(len(dy)):
        tile = dgathered[: rows.stop - rows.start]
        combine_adjoint(dy[rows], cache.folded, tile)
        smooth_scatter(tile, o.alpha, dv[rows], o, threads)
    return dv, *layer_backward_weights(dy, cache, threads=threads)
