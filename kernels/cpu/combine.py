"""A columnar layer from its pooled input: neighbouring columns whose w_j have one shape are one stack of products."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_axes
from pp_ref.errors import ShapeError
from pp_ref.kernels.cpu.dense import pool_adjoint_dense, pool_dense
from pp_ref.kernels.gate import check_dtype, check_rows, check_weights
from pp_ref.kernels.operands import Operands

__all__ = [
    "PooledCache",
    "check_dy",
    "check_layer",
    "columns_backward",
    "columns_backward_weights",
    "columns_forward",
    "combine",
    "combine_adjoint",
    "combine_weights",
    "fit",
    "pooled_forward",
]

Real = NDArray[Any]  # float32 or float64


class PooledCache(NamedTuple):
    o: Operands
    pooled: Real  # (n, k_1 + ... + k_J)
    w: Sequence[Real]  # J of (k_j, m_j)


class Run(NamedTuple):
    """Neighbouring columns whose w_j have one shape."""

    J: int  # number of columns
    columns: slice  # of all columns
    pooled: slice  # of k_1 + ... + k_J
    units: slice  # of m


def columns_forward(v: Real, w: Sequence[Real], b: Real, o: Operands) -> tuple[Real, PooledCache]:
    """y = [(v U_1) w_1, ..., (v U_J) w_J] + b by BLAS, for any dictionary.

    v        (n, d) of the columns' dtype; n = 0 and any strides are fine
    w        J arrays (k_j, m_j), the dynamic weights
    b        (m,) bias
    returns  y (n, m), cache
    raises   ShapeError, DomainError for another dtype

    2 n (d (k_1 + ... + k_J) + sum of k_j m_j) flops in 1 + (runs of one shape) calls; `predicted_forward` makes 2 J.
    Ten products of width 25 run at half the rate of one of width 250.
    """
    return pooled_forward(pool_dense(v, o), w, b, o)


def pooled_forward(pooled: Real, w: Sequence[Real], b: Real, o: Operands) -> tuple[Real, PooledCache]:
    """As `columns_forward`, from pooled = v [U_1, ..., U_J] (n, k_1 + ... + k_J)."""
    check_layer(w, b, o)
    check_rows(o, "k", o.ends[-1], pooled=pooled)
    y = np.empty((len(pooled), b.size), o.dtype)
    combine(pooled, w, y)
    y += b
    return y, PooledCache(o, pooled, w)


def columns_backward(dy: Real, cache: PooledCache) -> tuple[Real, list[Real], Real]:
    """Pull dy (n, m) back to dv (n, d), dw (J of (k_j, m_j)), db (m,)."""
    check_dy(dy, cache.pooled, cache.w, cache.o)
    dpooled = np.empty((len(dy), cache.o.ends[-1]), cache.o.dtype)
    combine_adjoint(dy, cache.w, dpooled)
    return pool_adjoint_dense(dpooled, cache.o), *columns_backward_weights(dy, cache)


def columns_backward_weights(dy: Real, cache: PooledCache) -> tuple[list[Real], Real]:
    """Return dw_j = pooled_j^T dy_j and db alone, for a first layer: its input is data and needs no gradient."""
    check_dy(dy, cache.pooled, cache.w, cache.o)
    return combine_weights(cache.pooled, dy, cache.w), dy.sum(axis=0)


def combine(pooled: Real, w: Sequence[Real], y: Real) -> None:
    """y = [pooled_1 w_1, ..., pooled_J w_J] (n, m), written in place."""
    for run in runs(w):
        np.matmul(stack(pooled[:, run.pooled], run.J), np.stack(w[run.columns]), out=stack(y[:, run.units], run.J))


def combine_adjoint(dy: Real, w: Sequence[Real], dpooled: Real) -> None:
    """dpooled = [dy_1 w_1^T, ..., dy_J w_J^T] (n, k_1 + ... + k_J), written in place."""
    for run in runs(w):
        transposed = np.stack(w[run.columns]).swapaxes(1, 2)
        np.matmul(stack(dy[:, run.units], run.J), transposed, out=stack(dpooled[:, run.pooled], run.J))


def combine_weights(pooled: Real, dy: Real, w: Sequence[Real]) -> list[Real]:
    """Return dw_j = pooled_j^T dy_j, J of (k_j, m_j)."""
    dw: list[Real] = []
    for run in runs(w):
        read = stack(pooled[:, run.pooled], run.J)
        dw += list(read.swapaxes(1, 2) @ stack(dy[:, run.units], run.J))  # J of (k, n) (n, m_j)
    return dw


def runs(w: Sequence[Real]) -> list[Run]:
    """Return the columns in as few runs as their shapes allow."""
    found, column, pooled, unit = [], 0, 0, 0
    for (k, m), group in groupby(w_j.shape for w_j in w):
        J = len(list(group))
        ends = column + J, pooled + J * k, unit + J * m
        found.append(Run(J, slice(column, ends[0]), slice(pooled, ends[1]), slice(unit, ends[2])))
        column, pooled, unit = ends
    return found


def stack(beside: Real, J: int) -> Real:
    """Return a view (J, n, width) of J columns of one width that lie side by side in (n, J width)."""
    return beside.reshape(len(beside), J, beside.shape[1] // J).swapaxes(0, 1)


def check_layer(w: Sequence[Real], b: Real, o: Operands) -> None:
    """raises ShapeError unless w is J of (k_j, m_j) and b (m,), DomainError for another dtype"""
    check_weights(o, w)
    check_dtype(o, b=b)
    units = sum(w_j.shape[1] for w_j in w)
    if b.shape != (units,):
        check_axes("m", b=b)
        raise ShapeError(f"axis m is {units} in [w_1, ..., w_J] but {b.size} in b")


def check_dy(dy: Real, read: Real, w: Sequence[Real], o: Operands) -> None:
    """raises ShapeError unless dy is (n, m) for the n examples of ``read``, DomainError for another dtype"""
    check_rows(o, "m", sum(w_j.shape[1] for w_j in w), dy=dy)
    if len(read) != len(dy):
        raise ShapeError(f"axis n is {len(read)} in v but {len(dy)} in dy")


def fit(dy: Real, cache: Any) -> Any:
    """Return the cache of a way through K, or the definition's cache if dy holds NaN or infinity.

    raises  ShapeError, DomainError for another dtype
    """
    if isinstance(cache, PooledCache):
        return cache
    check_dy(dy, cache.v, cache.w, cache.o)
    return cache if np.isfinite(dy).all() else PooledCache(cache.o, pool_dense(cache.v, cache.o), cache.w)
