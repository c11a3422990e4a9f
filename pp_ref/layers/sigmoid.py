"""The logistic sigmoid, the nonlinearity g of the paper's MLPs (sec. 4.1)."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_arrays, check_gradient_of

__all__ = ["SigmoidCache", "sigmoid_backward", "sigmoid_forward"]


class SigmoidCache(NamedTuple):
    y: Array  # its derivative is y (1 - y)


def sigmoid_forward(v: Array) -> tuple[Array, SigmoidCache]:
    """y = 1 / (1 + exp(-v)), elementwise, any shape (sec. 4.1).

    Computed as exp(min(v, 0)) / (1 + exp(-|v|)), whose exponents are never positive: nothing overflows, and small
    values keep their relative accuracy. NumPy orders complex numbers by their real part first, so -|v| = min(v, -v)
    also serves a complex step.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import sigmoid_forward
    >>> y, cache = sigmoid_forward(np.log([1.0, 3.0]))
    >>> y.round(6)
    array([0.5 , 0.75])
    """
    check_arrays(v=v)
    xp = array_namespace(v)
    y = xp.exp(xp.minimum(v, xp.zeros_like(v))) / (1 + xp.exp(xp.minimum(v, -v)))
    return y, SigmoidCache(y)


def sigmoid_backward(dy: Array, cache: SigmoidCache) -> Array:
    """dv = dy y (1 - y).

    Derived in docs/derivations.md#sigmoid.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import sigmoid_backward, sigmoid_forward
    >>> y, cache = sigmoid_forward(np.array([0.0]))
    >>> sigmoid_backward(np.array([1.0]), cache)
    array([0.25])
    """
    check_gradient_of(cache.y.shape, dy=dy)
    return dy * cache.y * (1 - cache.y)
