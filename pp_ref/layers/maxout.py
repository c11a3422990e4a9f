"""Maxout: a unit is the largest of several linear pieces (paper, sec. 1 and its reference [9])."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes, check_gradient_of
from pp_ref.errors import ShapeError

__all__ = ["MaxoutCache", "maxout_backward", "maxout_forward"]


class MaxoutCache(NamedTuple):
    winner: Array  # (n, m) int: the piece that was largest
    pieces: int


def maxout_forward(v: Array, pieces: int) -> tuple[Array, MaxoutCache]:
    """y[n, j] = max over p of v[n, j pieces + p] (sec. 1).

    v        (n, m pieces); the pieces of a unit are adjacent
    pieces   int >= 1
    returns  y (n, m), cache
    raises   ShapeError if the width is not a multiple of pieces

    The first piece wins a tie and takes the whole gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import maxout_forward
    >>> y, cache = maxout_forward(np.array([[1.0, 2.0, 4.0, 3.0]]), pieces=2)
    >>> y
    array([[2., 4.]])
    """
    n = check_axes("n d", v=v)["n"]
    if pieces < 1 or v.shape[1] % pieces:
        raise ShapeError(f"v has {v.shape[1]} inputs, expected a multiple of pieces = {pieces} (at least 1)")
    xp = array_namespace(v)
    grouped = xp.reshape(v, (n, v.shape[1] // pieces, pieces))
    return xp.max(grouped, axis=2), MaxoutCache(xp.argmax(grouped, axis=2), pieces)


def maxout_backward(dy: Array, cache: MaxoutCache) -> Array:
    """dv (n, m pieces): dy at the winning piece, zero at the others.

    Derived in docs/derivations.md#maxout.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import maxout_backward, maxout_forward
    >>> y, cache = maxout_forward(np.array([[1.0, 2.0, 4.0, 3.0]]), pieces=2)
    >>> maxout_backward(np.array([[10.0, 20.0]]), cache)
    array([[ 0., 10., 20.,  0.]])
    """
    check_gradient_of(cache.winner.shape, dy=dy)
    xp = array_namespace(dy)
    won = cache.winner[:, :, None] == xp.arange(cache.pieces)
    grouped = xp.where(won, dy[:, :, None], xp.zeros_like(dy)[:, :, None])
    return xp.reshape(grouped, (dy.shape[0], dy.shape[1] * cache.pieces))
