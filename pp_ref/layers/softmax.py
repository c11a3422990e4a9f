"""Softmax with cross-entropy: the classifier on top, which is never predicted (paper, sec. 4.1)."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_arrays, check_axes, check_factor, check_sizes, real_part
from pp_ref.errors import DomainError

__all__ = ["SoftmaxCrossEntropyCache", "softmax", "softmax_cross_entropy_backward", "softmax_cross_entropy_forward"]


class SoftmaxCrossEntropyCache(NamedTuple):
    p: Array  # (n, m) softmax probabilities
    onehot: Array  # (n, m), in z's dtype


def softmax(z: Array) -> Array:
    """p[n, j] = exp z[n, j] / sum_i exp z[n, i] for logits z (n, m), shifted by each row's maximum.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import softmax
    >>> softmax(np.log([[1.0, 3.0]])).round(6)
    array([[0.25, 0.75]])
    """
    check_axes("n m", z=z)
    return _softmax_and_log_sum_exp(z)[0]


def softmax_cross_entropy_forward(z: Array, labels: Array) -> tuple[Array, SoftmaxCrossEntropyCache]:
    """loss = 1/n sum_n (log sum_j exp z[n, j] - z[n, labels[n]]) (sec. 4.1).

    z        (n, m) logits
    labels   (n,) int in 0..m-1
    returns  loss, a 0-d array, in nats per example; cache
    raises   ShapeError, DomainError for labels that are not integers or out of range

    log-sum-exp is shifted by each row's maximum, so no finite logits overflow. The loss of an empty batch is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import softmax_cross_entropy_forward
    >>> loss, cache = softmax_cross_entropy_forward(np.zeros((1, 2)), np.array([0]))
    >>> round(float(loss), 3)  # log 2
    0.693
    """
    check_arrays(z=z)
    check_arrays("integers", labels=labels)
    sizes = check_sizes("n m, n", z=z, labels=labels)
    xp = array_namespace(z)
    labels = xp.astype(labels, xp.int64)  # in uint8, class 256 would be class 0
    outside = (labels < 0) | (labels >= sizes["m"])
    if xp.any(outside):
        row = int(xp.argmax(xp.astype(outside, xp.int8)))
        raise DomainError(f"labels[{row}] is {int(labels[row])}, expected a class in 0..{sizes['m'] - 1}")
    p, log_sum_exp = _softmax_and_log_sum_exp(z)
    onehot = xp.astype(labels[:, None] == xp.arange(sizes["m"], dtype=xp.int64), z.dtype)
    loss = xp.sum(log_sum_exp - xp.sum(z * onehot, axis=1)) / max(sizes["n"], 1)
    return loss, SoftmaxCrossEntropyCache(p, onehot)


def softmax_cross_entropy_backward(dloss: Array | float, cache: SoftmaxCrossEntropyCache) -> Array:
    """dz = dloss (p - onehot) / n.

    Derived in docs/derivations.md#softmax.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import softmax_cross_entropy_backward, softmax_cross_entropy_forward
    >>> loss, cache = softmax_cross_entropy_forward(np.zeros((1, 2)), np.array([0]))
    >>> softmax_cross_entropy_backward(1.0, cache)
    array([[-0.5,  0.5]])
    """
    check_factor(dloss=dloss)
    return (cache.p - cache.onehot) * (dloss / max(cache.p.shape[0], 1))


def _softmax_and_log_sum_exp(z: Array) -> tuple[Array, Array]:
    xp = array_namespace(z)
    shift = xp.max(real_part(z), axis=1, keepdims=True)  # (n, 1), a constant: it cancels
    e = xp.exp(z - shift)
    total = xp.sum(e, axis=1, keepdims=True)  # (n, 1), between 1 and m
    return e / total, xp.log(total[:, 0]) + shift[:, 0]
