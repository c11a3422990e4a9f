"""The logistic sigmoid, the nonlinearity g of the paper's MLPs (sec. 4.1)."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, real_part


class SigmoidCache(NamedTuple):
    y: Array  # its derivative is y (1 - y)


def sigmoid_forward(v: Array) -> tuple[Array, SigmoidCache]:
    """y = 1 / (1 + exp(-v)), elementwise, any shape.

    Written with z = exp(-|v|) <= 1: y = 1 / (1 + z) for v >= 0 and z / (1 + z) below, so nothing overflows and the
    small values keep their relative accuracy. A complex v takes the branch of its real part.
    """
    xp = array_namespace(v)
    positive = real_part(v) >= 0
    z = xp.exp(xp.where(positive, -v, v))
    y = xp.where(positive, xp.ones_like(z), z) / (1 + z)
    return y, SigmoidCache(y)


def sigmoid_backward(dy: Array, cache: SigmoidCache) -> Array:
    """dv = dy y (1 - y)."""
    return dy * cache.y * (1 - cache.y)
