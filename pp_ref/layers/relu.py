"""The rectified linear unit (paper, sec. 1: prediction works with it "without modification")."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_arrays

__all__ = ["ReluCache", "relu_backward", "relu_forward"]


class ReluCache(NamedTuple):
    v: Array


def relu_forward(v: Array) -> tuple[Array, ReluCache]:
    """y = max(v, 0), elementwise, any shape. NaN stays NaN."""
    check_arrays(v=v)
    xp = array_namespace(v)
    return xp.where(v <= 0, xp.zeros_like(v), v), ReluCache(v)


def relu_backward(dy: Array, cache: ReluCache) -> Array:
    """dv = dy where v > 0 or v is NaN, else 0. At v = 0 any value in [0, dy] is a subgradient.

    Derived in docs/derivations.md#relu.
    """
    check_arrays(dy=dy)
    xp = array_namespace(dy)
    return xp.where(cache.v <= 0, xp.zeros_like(dy), dy)
