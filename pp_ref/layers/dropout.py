"""Dropout (paper, sec. 1 and its reference [12], Hinton et al. 2012)."""

from typing import NamedTuple

import numpy as np

from pp_ref.arrays import Array, array_namespace, check_arrays, check_gradient_of, check_rate

__all__ = ["DropoutCache", "dropout_backward", "dropout_forward"]


class DropoutCache(NamedTuple):
    scale: Array  # 0 where dropped, 1 / (1 - rate) where kept


def dropout_forward(v: Array, rate: float, rng: np.random.Generator) -> tuple[Array, DropoutCache]:
    """y = v s; each element of s is 0 with probability rate, else 1 / (1 - rate) (sec. 1).

    v        any shape
    rate     in [0, 1)
    rng      draws the mask
    returns  y, cache
    raises   DomainError

    Kept values are scaled up during training, so that E[y] = v and the network is used unchanged afterwards. The
    original scales the weights down after training instead, which gives the same network.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import dropout_forward
    >>> y, cache = dropout_forward(np.ones(6), 0.5, np.random.default_rng(0))
    >>> y
    array([2., 0., 0., 0., 2., 2.])
    """
    check_arrays(v=v)
    check_rate(rate=rate)
    xp = array_namespace(v)
    kept = xp.asarray(rng.random(v.shape) >= rate)
    scale = xp.astype(kept, v.dtype) / (1 - rate)
    return v * scale, DropoutCache(scale)


def dropout_backward(dy: Array, cache: DropoutCache) -> Array:
    """dv = dy s with the mask of the forward pass.

    Derived in docs/derivations.md#dropout.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import dropout_backward, dropout_forward
    >>> y, cache = dropout_forward(np.ones(6), 0.5, np.random.default_rng(0))
    >>> dropout_backward(np.full(6, 0.5), cache)
    array([1., 0., 0., 0., 1., 1.])
    """
    check_gradient_of(cache.scale.shape, dy=dy)
    return dy * cache.scale
