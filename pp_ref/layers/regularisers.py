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
    """
    check_arrays(W=W)
    if not 0 <= rate < float("inf"):
        raise DomainError(f"rate is {rate}, expected a finite number >= 0")
    xp = array_namespace(W)
    return rate * xp.sum(W * W), WeightDecayCache(W, rate)


def weight_decay_backward(dpenalty: Array | float, cache: WeightDecayCache) -> Array:
    """dW = 2 rate W dpenalty.

    Derived in docs/derivations.md#weight-decay.
    """
    check_factor(dpenalty=dpenalty)
    return cache.W * (2 * cache.rate * dpenalty)


def limit_column_norms(W: Array, limit: float) -> Array:
    """Project every column of W onto the ball |W[:, j]| <= limit (max-norm, Hinton et al. 2012).

    W        (k, m) weights; column j holds the weights of unit j
    limit    float > 0
    returns  W (k, m): columns within the limit are unchanged to the bit, longer ones are scaled down to it
    raises   ShapeError, DomainError
    """
    check_axes("k m", W=W)
    check_positive(limit=limit)
    xp = array_namespace(W)
    norms = xp.sqrt(xp.sum(W * W, axis=0))  # (m,)
    return W * xp.where(norms > limit, limit / xp.where(norms > limit, norms, xp.ones_like(norms)), xp.ones_like(norms))
