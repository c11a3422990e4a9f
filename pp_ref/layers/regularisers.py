"""Regularisers of the dynamic weights: weight decay in the loss, a limit on column norms after each step."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_arrays, check_axes, check_factor, check_positive
from pp_ref.errors import DomainError

__all__ = ["WeightDecayCache", "limit_column_norms", "weight_decay_backward", "weight_decay_forward"]


class WeightDecayCache(NamedTuple):
    W: Array
    rate: float


def weight_decay_forward(W: Array, rate: float) -> tuple[Array, WeightDecayCache]:
    """penalty = rate sum W^2, without the usual 1/2, as in the authors' code.

    W        weights of any shape
    rate     float >= 0
    returns  penalty, a 0-d array; cache
    raises   DomainError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import weight_decay_forward
    >>> penalty, cache = weight_decay_forward(np.array([[1.0, 2.0]]), rate=0.5)
    >>> float(penalty)
    2.5
    """
    check_arrays(W=W)
    if not 0 <= rate < float("inf"):
        raise DomainError(f"rate is {rate}, expected a finite number >= 0")
    xp = array_namespace(W)
    return rate * xp.sum(W * W), WeightDecayCache(W, rate)


def weight_decay_backward(dpenalty: Array | float, cache: WeightDecayCache) -> Array:
    """dW = 2 rate W dpenalty.

    Derived in docs/derivations.md#weight-decay.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import weight_decay_backward, weight_decay_forward
    >>> penalty, cache = weight_decay_forward(np.array([[1.0, 2.0]]), rate=0.25)
    >>> weight_decay_backward(1.0, cache)
    array([[0.5, 1. ]])
    """
    check_factor(dpenalty=dpenalty)
    return cache.W * (2 * cache.rate * dpenalty)


def limit_column_norms(W: Array, limit: float) -> Array:
    """Project every column of W onto the ball |W[:, j]| <= limit (max-norm, Hinton et al. 2012).

    W        (k, m) weights; column j holds the weights of unit j
    limit    float > 0
    returns  W (k, m): columns within the limit are unchanged to the bit, longer ones are scaled down to it
    raises   ShapeError, DomainError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import limit_column_norms
    >>> limit_column_norms(np.array([[3.0, 0.5], [4.0, 0.0]]), limit=2.5)  # the columns have the norms 5 and 1/2
    array([[1.5, 0.5],
           [2. , 0. ]])
    """
    check_axes("k m", W=W)
    check_positive(limit=limit)
    xp = array_namespace(W)
    norms = xp.sqrt(xp.sum(W * W, axis=0))  # (m,)
    return W * xp.where(norms > limit, limit / xp.where(norms > limit, norms, xp.ones_like(norms)), xp.ones_like(norms))
