"""The ordinary layer, y = v W + b (paper, sec. 2: h = g(vW))."""

from typing import NamedTuple

from pp_ref.arrays import Array, array_namespace, check_axes, check_gradient_of

__all__ = ["DenseCache", "dense_backward", "dense_backward_input", "dense_backward_weights", "dense_forward"]


class DenseCache(NamedTuple):
    v: Array  # (n, d)
    W: Array  # (d, m)


def dense_forward(v: Array, W: Array, b: Array) -> tuple[Array, DenseCache]:
    """y = v W + b (sec. 2).

    v        (n, d) input batch
    W        (d, m) full weights
    b        (m,) bias
    returns  y (n, m), cache
    raises   ShapeError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import dense_forward
    >>> y, cache = dense_forward(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([5.0]))
    >>> y
    array([[16.]])
    """
    check_axes("n d, d m, m", v=v, W=W, b=b)
    return v @ W + b, DenseCache(v, W)  # (n, d) (d, m) -> (n, m)


def dense_backward(dy: Array, cache: DenseCache) -> tuple[Array, Array, Array]:
    """Pull dy (n, m) back to dv (n, d), dW (d, m), db (m,).

    Derived in docs/derivations.md#dense.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.layers import dense_backward, dense_forward
    >>> y, cache = dense_forward(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([5.0]))
    >>> dv, dW, db = dense_backward(np.array([[1.0]]), cache)
    >>> dv
    array([[3., 4.]])
    >>> dW
    array([[1.],
           [2.]])
    """
    return dense_backward_input(dy, cache), *dense_backward_weights(dy, cache)


def dense_backward_input(dy: Array, cache: DenseCache) -> Array:
    """Return dv = dy W^T alone."""
    check_gradient_of(_shape(cache), dy=dy)
    return dy @ cache.W.T  # (n, m) (m, d) -> (n, d)


def dense_backward_weights(dy: Array, cache: DenseCache) -> tuple[Array, Array]:
    """Return dW = v^T dy and db = sum_n dy alone, for a first layer: its input is data and needs no gradient."""
    check_gradient_of(_shape(cache), dy=dy)
    xp = array_namespace(dy)
    return cache.v.T @ dy, xp.sum(dy, axis=0)  # (d, n) (n, m) -> (d, m)


def _shape(cache: DenseCache) -> tuple[int, int]:
    return cache.v.shape[0], cache.W.shape[1]
