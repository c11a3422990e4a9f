"""The linear reconstruction v W W^T of Reconstruction ICA, tied, without a bias (paper, sec. 4.3).

There are two orders of evaluation with the same result:

    examples   |v W W^T - v|^2, the definition           one example after another
    moment     tr(A^T S A), S = v^T v, A = W W^T - I     `second_moment`, then `moment_reconstruction`

The error is quadratic in v, so it depends on the examples through their second moment S (d, d) alone. S never changes
during training: a model computes it once, and each loss then takes 2 d^2 (d + m) flops instead of 4 n d m.
"""

from typing import Literal, NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes, check_factor, check_gradient_of
from pp_ref.errors import DomainError

__all__ = [
    "ExamplesCache",
    "MomentCache",
    "MomentReconstructionCache",
    "SecondMomentCache",
    "moment_reconstruction_backward",
    "moment_reconstruction_backward_weights",
    "moment_reconstruction_forward",
    "reconstruction_backward",
    "reconstruction_backward_weights",
    "reconstruction_forward",
    "second_moment_backward",
    "second_moment_forward",
]


class SecondMomentCache(NamedTuple):
    v: Array  # (n, d)


class MomentReconstructionCache(NamedTuple):
    S: Array  # (d, d)
    W: Array  # (d, m)
    A: Array  # (d, d)  W W^T - I


class ExamplesCache(NamedTuple):
    v: Array  # (n, d)
    W: Array  # (d, m)
    z: Array  # (n, m)  v W
    error: Array  # (n, d)


class MomentCache(NamedTuple):
    second_moment: SecondMomentCache
    reconstruction: MomentReconstructionCache


ReconstructionCache = ExamplesCache | MomentCache


def second_moment_forward(v: Array) -> tuple[Array, SecondMomentCache]:
    """S = v^T v, summed over the examples: neither centred nor divided by n.

    v        (n, d) examples
    returns  S (d, d), cache
    raises   ShapeError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import second_moment_forward
    >>> S, cache = second_moment_forward(np.array([[1.0, 0.0], [1.0, 2.0]]))
    >>> S
    array([[2., 2.],
           [2., 4.]])
    """
    check_axes("n d", v=v)
    return v.T @ v, SecondMomentCache(v)  # (d, n) (n, d) -> (d, d)


def second_moment_backward(dS: Array, cache: SecondMomentCache) -> Array:
    """dv = v (dS + dS^T).

    Derived in docs/derivations.md#second_moment.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import second_moment_backward, second_moment_forward
    >>> S, cache = second_moment_forward(np.array([[1.0, 0.0], [1.0, 2.0]]))
    >>> second_moment_backward(np.eye(2), cache)  # the trace of S is the sum of all squares
    array([[2., 0.],
           [2., 4.]])
    """
    check_gradient_of(2 * cache.v.shape[1:], dS=dS)
    return cache.v @ (dS + dS.T)  # (n, d) (d, d) -> (n, d)


def moment_reconstruction_forward(S: Array, W: Array) -> tuple[Array, MomentReconstructionCache]:
    """loss = tr(A^T S A), A = W W^T - I: `reconstruction_forward` of any examples with v^T v = S.

    S        (d, d) second moment
    W        (d, m) filters
    returns  loss, a 0-d array; cache
    raises   ShapeError

    If W reconstructs well, A is small and S is not: in float32 A is then little more than the rounding error of W W^T.
    Models compute the loss in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import moment_reconstruction_forward
    >>> S, W = np.array([[2.0, 2.0], [2.0, 4.0]]), np.array([[1.0], [0.0]])
    >>> loss, cache = moment_reconstruction_forward(S, W)  # W keeps the first input alone
    >>> float(loss)
    4.0
    """
    check_axes("d d, d m", S=S, W=W)
    xp = array_namespace(S)
    A = W @ W.T - xp.eye(W.shape[0], dtype=W.dtype)  # (d, m) (m, d) -> (d, d)
    return xp.sum(A * (S @ A)), MomentReconstructionCache(S, W, A)


def moment_reconstruction_backward(dloss: Array | float, cache: MomentReconstructionCache) -> tuple[Array, Array]:
    """Pull dloss back to dS = dloss A A^T and dW = (dA + dA^T) W, dA = dloss (S + S^T) A.

    Derived in docs/derivations.md#moment_reconstruction.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import moment_reconstruction_backward, moment_reconstruction_forward
    >>> S, W = np.array([[2.0, 2.0], [2.0, 4.0]]), np.array([[1.0], [0.0]])
    >>> loss, cache = moment_reconstruction_forward(S, W)
    >>> dS, dW = moment_reconstruction_backward(1.0, cache)
    >>> dS
    array([[0., 0.],
           [0., 1.]])
    >>> dW
    array([[ 0.],
           [-4.]])
    """
    check_factor(dloss=dloss)
    return cache.A @ cache.A.T * dloss, moment_reconstruction_backward_weights(dloss, cache)


def moment_reconstruction_backward_weights(dloss: Array | float, cache: MomentReconstructionCache) -> Array:
    """Return dW alone, for training: S is data and needs no gradient."""
    check_factor(dloss=dloss)
    S, W, A = cache
    dA = (S + S.T) @ A * dloss  # (d, d) (d, d) -> (d, d)
    return (dA + dA.T) @ W  # (d, d) (d, m) -> (d, m)


def reconstruction_forward(
    v: Array, W: Array, order: Literal["examples", "moment"] = "examples"
) -> tuple[Array, ReconstructionCache]:
    """loss = sum_n |v W W^T - v|^2 (sec. 4.3).

    v        (n, d) examples
    W        (d, m) filters, used by encoder and decoder
    order    "examples": 4 n d m flops; "moment": 2 n d^2 + 2 d^2 (d + m)
    returns  loss, a 0-d array: a sum over examples and inputs, without 1/2; cache
    raises   ShapeError, DomainError for another order

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import reconstruction_forward
    >>> v, W = np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([[1.0], [0.0]])
    >>> loss, cache = reconstruction_forward(v, W)  # W keeps the first input alone
    >>> float(loss)
    4.0
    """
    check_axes("n d, d m", v=v, W=W)
    xp = array_namespace(v)
    if order == "examples":
        z = v @ W  # (n, d) (d, m) -> (n, m)
        error = z @ W.T - v  # (n, m) (m, d) -> (n, d)
        return xp.sum(error * error), ExamplesCache(v, W, z, error)
    if order == "moment":
        S, moment_cache = second_moment_forward(v)
        loss, cache = moment_reconstruction_forward(S, W)
        return loss, MomentCache(moment_cache, cache)
    raise DomainError(f"order is {order!r}, expected 'examples' or 'moment'")


def reconstruction_backward(dloss: Array | float, cache: ReconstructionCache) -> tuple[Array, Array]:
    """Pull dloss back to dv (n, d), dW (d, m).

    Derived in docs/derivations.md#reconstruction.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import reconstruction_backward, reconstruction_forward
    >>> v, W = np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([[1.0], [0.0]])
    >>> loss, cache = reconstruction_forward(v, W)
    >>> dv, dW = reconstruction_backward(1.0, cache)
    >>> dv
    array([[0., 0.],
           [0., 4.]])
    >>> dW
    array([[ 0.],
           [-4.]])
    """
    if isinstance(cache, MomentCache):
        dS, dW = moment_reconstruction_backward(dloss, cache.reconstruction)
        return second_moment_backward(dS, cache.second_moment), dW
    derror, dz, dW = _backward(dloss, cache)
    return dz @ cache.W.T - derror, dW  # v is the encoder's input and the decoder's target


def reconstruction_backward_weights(dloss: Array | float, cache: ReconstructionCache) -> Array:
    """Return dW alone, for training: examples are data and need no gradient."""
    if isinstance(cache, MomentCache):
        return moment_reconstruction_backward_weights(dloss, cache.reconstruction)
    return _backward(dloss, cache)[2]


def _backward(dloss: Array | float, cache: ExamplesCache) -> tuple[Array, Array, Array]:
    check_factor(dloss=dloss)
    v, W, z, error = cache
    derror = error * (2 * dloss)  # (n, d)
    dz = derror @ W  # (n, d) (d, m) -> (n, m)
    dW = v.T @ dz  # the encoder's W: (d, n) (n, m) -> (d, m)
    dW += derror.T @ z  # the decoder's W^T: (d, n) (n, m) -> (d, m)
    return derror, dz, dW
