"""What every model is: its loss, written once, from the paper's equations, as `definitions` has the layers.

Each array that a model passes from layer to layer is `formed`: bounds start from its size, not from that of the terms
that made it.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras.tape import Quantity, chained, concat, sigmoid, sqrt
from pp_ref.oracle.operations.definitions import (
    Columns,
    flatten,
    log_cosh,
    max_pool2d,
    patches,
    relu,
    smooth_abs,
    softmax_cross_entropy,
    weight_decay,
)

__all__ = ["convnet", "mlp", "predicted_autoencoder", "rica"]


def _predicted(v: Quantity, U: Columns, w: Columns) -> Quantity:
    """v [U_j w_j], whose columns are v U_j w_j."""
    return concat([chained(v, U_j, w_j) for U_j, w_j in zip(U, w, strict=True)], axis=1)


def _predicted_adjoint(h: Quantity, U: Columns, w: Columns) -> Quantity:
    """h [U_j w_j]^T = sum_j h_j w_j^T U_j^T."""
    ends = np.cumsum([0, *(w_j.shape[1] for w_j in w)])
    parts = [chained(h[:, a:e], w_j.T, U_j.T) for U_j, w_j, (a, e) in zip(U, w, pairwise(ends), strict=True)]
    return sum(parts[1:], parts[0]).formed()


def _every_channel(U: Quantity, window: Sequence[int]) -> Quantity:
    """(height width channels, k channels): a U that is tied across channels, for each; another as it is."""
    channels, (rows, k) = window[2], U.shape
    if rows == np.prod(window):
        return U
    places = np.where(np.eye(channels, dtype=bool)[:, None], U.places()[:, None, :, None], -1)
    return U.take(places.reshape(rows * channels, k * channels))


def predicted_autoencoder(x: Quantity, U: Columns, w: Columns, b: Quantity, c: Quantity) -> Quantity:
    h = sigmoid((_predicted(x, U, w) + b).formed())
    error = (sigmoid((_predicted_adjoint(h, U, w) + c).formed()) - x).formed()
    return (error * error).sum() / float(max(x.shape[0], 1))


def rica(x: Quantity, U: Columns, w: Columns, objective: str, trade_off: float, eps: float) -> Quantity:
    """RICA on predicted filters: ufldl's cost with unit columns, or le2011's (REPRODUCTION 5)."""
    if objective == "ufldl":  # a filter's norm is one of w_j
        squares = [((W_j := (U_j @ w_j).formed()) * W_j).sum(axis=0) for U_j, w_j in zip(U, w, strict=True)]
        w = [(w_j / sqrt(norm)).formed() for w_j, norm in zip(w, squares, strict=True)]
    z = _predicted(x, U, w).formed()
    error = (_predicted_adjoint(z, U, w) - x).formed()
    squared = (error * error).sum()
    if objective == "ufldl":
        return smooth_abs(z, eps) * trade_off + squared / 2.0
    return log_cosh(z) + squared * trade_off / float(max(x.shape[0], 1))


def mlp(
    x: Quantity,
    labels: NDArray[np.int64],
    U: Sequence[Columns],
    w: Sequence[Columns],
    b: Sequence[Quantity],
    W: Quantity,
    c: Quantity,
    decay: float,
) -> Quantity:
    """Sigmoid layers with predicted weights, then a full softmax layer (sec. 4.1); all learned but biases decays."""
    h = x
    for U_l, w_l, b_l in zip(U, w, b, strict=True):
        h = sigmoid((_predicted(h, U_l, w_l) + b_l).formed())
    loss = softmax_cross_entropy(((h @ W).formed() + c).formed(), labels)
    if not decay:
        return loss
    return sum((weight_decay(each, decay) for w_l in w for each in w_l), loss + weight_decay(W, decay))


def convnet(
    x: Quantity,
    labels: NDArray[np.int64],
    U: Sequence[Columns],
    w: Sequence[Columns],
    b: Sequence[Quantity],
    filter_shapes: Sequence[tuple[int, int]],
    W: Quantity,
    c: Quantity,
) -> Quantity:
    """Predicted convolutions, padded by half a filter, with ReLU and 2 x 2 max-pooling; softmax on top (sec. 4.2)."""
    h = x
    for U_l, w_l, b_l, shape in zip(U, w, b, filter_shapes, strict=True):
        seen = patches(h.formed(), shape, 1, shape[0] // 2)
        n, rows, columns, *window = seen.shape
        filters = [_every_channel(U_j, window) for U_j in U_l]
        z = _predicted(seen.reshape(n * rows * columns, int(np.prod(window))), filters, w_l) + b_l
        h = max_pool2d(relu(z.formed().reshape(n, rows, columns, b_l.size)), 2, 2)
    return softmax_cross_entropy(((flatten(h) @ W).formed() + c).formed(), labels)
