"""The products through K for all columns at once: v K is gathered or scattered without being written to memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.cpu.dense import expand_dense, pool_adjoint_dense, pool_dense, project_dense
from pp_ref.kernels.cpu.stencil import gather_smooth, smooth_scatter
from pp_ref.kernels.gate import check_project, check_rows, check_weights, new_or_checked
from pp_ref.kernels.operands import SeparableOperands

__all__ = ["TILE", "expand_fused", "pool_adjoint_fused", "pool_fused", "project_fused", "tiles"]

TILE = 128  # examples: 2,000 gathered numbers each are 1 MB in float32, which the second-level cache holds


def tiles(n: int) -> list[slice]:
    """range(n) in slices of TILE; one empty slice if n = 0."""
    return [slice(start, min(start + TILE, n)) for start in range(0, max(n, 1), TILE)]


def pool_fused(
    v: NDArray[Any], o: SeparableOperands, out: NDArray[Any] | None = None, *, threads: int | None = None
) -> NDArray[Any]:
    """v_alpha = v U for all columns, side by side: v U_j = (v K)[:, alpha_j] R_j.

    v        (n, d) of the operands' dtype; n = 0 and any strides are fine
    out      (n, k_1 + ... + k_J), C-contiguous, to write into
    threads  None: as many as the BLAS. Each owns whole examples, so the number changes no bit of the passes; BLAS
             decides the bits of the products with R_j
    returns  out, or a new array
    raises   ShapeError; DomainError for another dtype, or an out that overlaps v

    `pool_dense` pools the examples that hold NaN or infinity, so that both reach the entries of v U.
    """
    check_rows(o, "d", o.d, v=v)
    out = new_or_checked(out, (len(v), o.ends[-1]), o, v=v)
    if o.R is None:
        finite = gather_smooth(v, o.alpha, out, o, threads)
    else:
        finite = np.empty(len(v), np.bool)
        gathered = np.empty((min(len(v), TILE), o.ends[-1]), o.dtype)
        for rows in tiles(len(v)):
            part_of_v = v[rows]
            finite[rows] = gather_smooth(part_of_v, o.alpha, gathered[: len(part_of_v)], o, threads)
            with np.errstate(invalid="ignore"):
                for part, R in zip(o.parts, o.R, strict=True):
                    np.matmul(gathered[: len(part_of_v), part], R, out=out[rows, part])  # (n, k) (k, k)
    if not finite.all():
        out[~finite] = pool_dense(v[~finite], o)
    return out


def pool_adjoint_fused(
    g: NDArray[Any], o: SeparableOperands, out: NDArray[Any] | None = None, *, threads: int | None = None
) -> NDArray[Any]:
    """sum_j g_j U_j^T (n, d) = [g_1 R_1, ..., g_J R_J] S^T K, S = I[:, alpha]; one product with K for all columns.

    g  (n, k_1 + ... + k_J); the rest as in `pool_fused`
    """
    check_rows(o, "k", o.ends[-1], g=g)
    if not np.isfinite(g).all():
        return pool_adjoint_dense(g, o, out)
    out = new_or_checked(out, (len(g), o.d), o, g=g)
    if o.R is None:
        smooth_scatter(g, o.alpha, out, o, threads)
        return out
    buffer = np.empty((min(len(g), TILE), o.ends[-1]), o.dtype)
    for rows in tiles(len(g)):
        tile = buffer[: rows.stop - rows.start]
        for part, R in zip(o.parts, o.R, strict=True):
            np.matmul(g[rows, part], R, out=tile[:, part])  # R is symmetric
        smooth_scatter(tile, o.alpha, out[rows], o, threads)
    return out


def expand_fused(w: Sequence[NDArray[Any]], o: SeparableOperands, *, threads: int | None = None) -> NDArray[Any]:
    """W = [U_1 w_1, ..., U_J w_J] (d, m), in Fortran order: U_j w_j = K[:, alpha_j] (R_j w_j), a pass per unit."""
    check_weights(o, w)
    if not all(np.isfinite(w_j).all() for w_j in w):
        return expand_dense(w, o)
    W = np.empty((sum(w_j.shape[1] for w_j in w), o.d), o.dtype)
    first = 0
    for alpha, folded in zip(o.factors.alpha, o.fold(w), strict=True):
        last = first + folded.shape[1]
        smooth_scatter(folded.T, alpha, W[first:last], o, threads)
        first = last
    return W.T


def project_fused(
    G: NDArray[Any], o: SeparableOperands, widths: Sequence[int], *, threads: int | None = None
) -> list[NDArray[Any]]:
    """U_j^T G_j (k_j, m_j) = R_j (K G_j)[alpha_j], with G = [G_1, ..., G_J] (d, m) cut at the widths m_j."""
    check_project(G, o, widths)
    projected, first = [], 0
    for alpha, width in zip(o.factors.alpha, widths, strict=True):
        gathered = np.empty((width, alpha.size), o.dtype)
        if not gather_smooth(G[:, first : first + width].T, alpha, gathered, o, threads).all():
            return project_dense(G, o, widths)
        projected.append(gathered.T)
        first += width
    return o.fold(projected)
