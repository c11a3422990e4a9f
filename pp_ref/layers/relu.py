"""The rectified linear unit (paper, sec. 1: prediction works with it "without modification")."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_arrays, check_gradient_of

__all__ = ["ReluCache", "relu_backward", "relu_forward"]


class ReluCache(NamedTuple):
    v: Array


def relu_forward(v: Array) -> tuple[Array, ReluCache]:
    """y = max(v, 0), elementwise, any shape (sec. 1). NaN stays NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import relu_forward
    >>> y, cache = relu_forward(np.array([-1.0, 0.0, 2.0]))
    >>> y
    array([0., 0., 2.])
    """
    check_arrays(v=v)
    xp = array_namespace(v)
    return xp.where(v <= 0, xp.zeros_like(v), v), ReluCache(v)


def relu_backward(dy: Array, cache: ReluCache) -> Array:
    """dv = dy where v > 0 or v is NaN, else 0. At v = 0 any value in [0, dy] is a subgradient.

    Derived in docs/derivations.md#relu.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import relu_backward, relu_forward
    >>> y, cache = relu_forward(np.array([-1.0, 0.0, 2.0]))
    >>> relu_backward(np.array([5.0, 5.0, 5.0]), cache)
    array([0., 0., 5.])
    """
    check_gradient_of(cache.v.shape, dy=dy)
    xp = array_namespace(dy)
    return xp.where(cache.v <= 0, xp.zeros_like(dy), dy)
