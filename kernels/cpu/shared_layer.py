"""A columnar layer through one K for all columns, by BLAS: one product v K, from which each column is gathered.

v K is stored transposed, so that a gather copies whole rows.
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
from pp_ref.kernels.gate import check_rows
from pp_ref.kernels.operands import FactoredOperands

__all__ = ["SharedCache", "shared_backward", "shared_backward_weights", "shared_forward"]

Real = NDArray[Any]  # float32 or float64


class SharedCache(NamedTuple):
    o: FactoredOperands
    v: Real  # (n, d)
    w: Sequence[Real]  # J of (k_j, m_j)
    folded: Sequence[Real]  # J of R_j w_j
    gathered: Real  # (k_1 + ... + k_J, n): (v K)[:, alpha], transposed


def shared_forward(v: Real, w: Sequence[Real], b: Real, o: FactoredOperands) -> tuple[Real, SharedCache | PooledCache]:
    """y = [(v K)[:, alpha_1] (R_1 w_1), ..., (v K)[:, alpha_J] (R_J w_J)] + b = v [U_1 w_1, ..., U_J w_J] + b.

    v        (n, d) of the operands' dtype; n = 0 and any strides are fine
    w        J arrays (k_j, m_j), the dynamic weights
    b        (m,) bias
    returns  y (n, m), cache
    raises   ShapeError, DomainError for another dtype

    2 n (d q + sum of k_j m_j) + 2 sum of k_j^2 m_j flops, for q different kept weights. `columns_forward`
    computes everything if v or w holds NaN or infinity, so that they reach the entries of v U w.
    """
    check_rows(o, "d", o.d, v=v)
    check_layer(w, b, o)
    if not np.isfinite(v).all() or not all(np.isfinite(w_j).all() for w_j in w):
        return columns_forward(v, w, b, o)
    folded = o.fold(w)
    gathered = (o.K.T @ v.T)[o.alpha]  # (q, d) (d, n)
    y = np.empty((len(v), b.size), o.dtype)
    combine(gathered.T, folded, y)
    y += b
    return y, SharedCache(o, v, w, folded, gathered)


def shared_backward(dy: Real, cache: SharedCache | PooledCache) -> tuple[Real, list[Real], Real]:
    """Pull dy (n, m) back to dv (n, d), dw (J of (k_j, m_j)), db (m,): dv = [dy_1 (R_1 w_1)^T, ...] S^T K^T.

    S^T adds the columns that keep the same weight.
    """
    cache = fit(dy, cache)
    if isinstance(cache, PooledCache):
        return columns_backward(dy, cache)
    o = cache.o
    dgathered = np.empty_like(cache.gathered)
    combine_adjoint(dy, cache.folded, dgathered.T)
    dsmoothed = np.zeros((o.K.shape[1], len(dy)), o.dtype)
    for alpha, part in zip(o.factors.alpha, o.parts, strict=True):
        dsmoothed[alpha] += dgathered[part]  # no weight twice in a column
    return dsmoothed.T @ o.K.T, *shared_backward_weights(dy, cache)


def shared_backward_weights(dy: Real, cache: SharedCache | PooledCache) -> tuple[list[Real], Real]:
    """Return dw_j = R_j ((v K)[:, alpha_j]^T dy_j) and db alone."""
    cache = fit(dy, cache)
    if isinstance(cache, PooledCache):
        return columns_backward_weights(dy, cache)
    return cache.o.fold(combine_weights(cache.gathered.T, dy, cache.w)), dy.sum(axis=0)
