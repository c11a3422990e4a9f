"""The low-rank layer: both factors are learned (paper, sec. 2: W = U V with U, V optimised; "LowRank" in Figure 4)."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes, check_gradient_of

__all__ = ["LowRankCache", "lowrank_backward", "lowrank_backward_weights", "lowrank_forward"]


class LowRankCache(NamedTuple):
    v: Array  # (n, d)
    pooled: Array  # (n, k)  v U
    U: Array  # (d, k)
    w: Array  # (k, m)


def lowrank_forward(v: Array, U: Array, w: Array, b: Array) -> tuple[Array, LowRankCache]:
    """y = (v U) w + b, where U is learned too (sec. 2).

    v        (n, d) input batch
    U        (d, k) first factor, dynamic
    w        (k, m) second factor (the paper's V), dynamic
    b        (m,) bias
    returns  y (n, m), cache
    raises   ShapeError

    U and w are determined up to an invertible Q, U w = (U Q)(Q^-1 w): the loss has flat directions.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import lowrank_forward
    >>> v, U, w = np.array([[1.0, 2.0]]), np.array([[1.0], [1.0]]), np.array([[2.0, 0.5]])
    >>> y, cache = lowrank_forward(v, U, w, np.zeros(2))
    >>> y
    array([[6. , 1.5]])
    """
    check_axes("n d, d k, k m, m", v=v, U=U, w=w, b=b)
    pooled = v @ U  # (n, d) (d, k) -> (n, k)
    return pooled @ w + b, LowRankCache(v, pooled, U, w)  # (n, k) (k, m) -> (n, m)


def lowrank_backward(dy: Array, cache: LowRankCache) -> tuple[Array, Array, Array, Array]:
    """Pull dy (n, m) back to dv (n, d), dU (d, k), dw (k, m), db (m,).

    Derived in docs/derivations.md#lowrank.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import lowrank_backward, lowrank_forward
    >>> v, U, w = np.array([[1.0, 2.0]]), np.array([[1.0], [1.0]]), np.array([[2.0, 0.5]])
    >>> y, cache = lowrank_forward(v, U, w, np.zeros(2))
    >>> dv, dU, dw, db = lowrank_backward(np.array([[1.0, 0.0]]), cache)
    >>> dU
    array([[2.],
           [4.]])
    >>> dw
    array([[3., 0.]])
    """
    check_gradient_of((cache.v.shape[0], cache.w.shape[1]), dy=dy)
    dpooled = dy @ cache.w.T  # (n, m) (m, k) -> (n, k)
    return dpooled @ cache.U.T, *lowrank_backward_weights(dy, cache)


def lowrank_backward_weights(dy: Array, cache: LowRankCache) -> tuple[Array, Array, Array]:
    """Return dU, dw and db alone, for a first layer: its input is data and needs no gradient."""
    check_gradient_of((cache.v.shape[0], cache.w.shape[1]), dy=dy)
    xp = array_namespace(dy)
    dpooled = dy @ cache.w.T  # (n, m) (m, k) -> (n, k)
    return cache.v.T @ dpooled, cache.pooled.T @ dy, xp.sum(dy, axis=0)
