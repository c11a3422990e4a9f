"""The logistic sigmoid, the nonlinearity g of the paper's MLPs (sec. 4.1)."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace


class SigmoidCache(NamedTuple):
    y: Array  # its derivative is y (1 - y)


def sigmoid_forward(v: Array) -> tuple[Array, SigmoidCache]:
    """y = 1 / (1 + exp(-v)), elementwise, any shape.

    Written as exp(min(v, 0)) / (1 + exp(-|v|)), where no exponent is positive: nothing overflows, and the small values
    keep their relative accuracy. NumPy orders complex numbers by their real part first, so with -|v| = min(v, -v) the
    same line serves a complex step.
    """
    xp = array_namespace(v)
    y = xp.exp(xp.minimum(v, xp.zeros_like(v))) / (1 + xp.exp(xp.minimum(v, -v)))
    return y, SigmoidCache(y)


def sigmoid_backward(dy: Array, cache: SigmoidCache) -> Array:
    """dv = dy y (1 - y).

    Derived in docs/derivations.md#sigmoid.
    """
    return dy * cache.y * (1 - cache.y)
