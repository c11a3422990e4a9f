"""The low-rank layer: both factors are learned (paper, sec. 2: W = U V with U, V optimised; "LowRank" in Figure 4)."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_arrays, check_axes

__all__ = ["LowRankCache", "lowrank_backward", "lowrank_backward_weights", "lowrank_forward"]


class LowRankCache(NamedTuple):
    v: Array  # (n, d)
    pooled: Array  # (n, k)  v U
    U: Array  # (d, k)
    w: Array  # (k, m)


def lowrank_forward(v: Array, U: Array, w: Array, b: Array) -> tuple[Array, LowRankCache]:
    """y = (v U) w + b, where U is learned too.

    v        (n, d) input batch
    U        (d, k) first factor, dynamic
    w        (k, m) second factor (the paper's V), dynamic
    b        (m,) bias
    returns  y (n, m), cache
    raises   ShapeError

    U and w are determined up to an invertible Q, U w = (U Q)(Q^-1 w): the loss has flat directions.
    """
    check_axes("n d, d k, k m, m", v=v, U=U, w=w, b=b)
    pooled = v @ U  # (n, d) (d, k) -> (n, k)
    return pooled @ w + b, LowRankCache(v, pooled, U, w)  # (n, k) (k, m) -> (n, m)


def lowrank_backward(dy: Array, cache: LowRankCache) -> tuple[Array, Array, Array, Array]:
    """Pull dy (n, m) back to dv (n, d), dU (d, k), dw (k, m), db (m,).

    Derived in docs/derivations.md#lowrank.
    """
    check_arrays(dy=dy)
    dpooled = dy @ cache.w.T  # (n, m) (m, k) -> (n, k)
    return dpooled @ cache.U.T, *lowrank_backward_weights(dy, cache)


def lowrank_backward_weights(dy: Array, cache: LowRankCache) -> tuple[Array, Array, Array]:
    """Return dU, dw and db alone, for a first layer: its input is data and needs no gradient."""
    check_arrays(dy=dy)
    xp = array_namespace(dy)
    dpooled = dy @ cache.w.T  # (n, m) (m, k) -> (n, k)
    return cache.v.T @ dpooled, cache.pooled.T @ dy, xp.sum(dy, axis=0)
