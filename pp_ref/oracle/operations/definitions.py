"""What every operation is: its value, written once, from the paper's equations.

Arguments are Quantities (`pp_ref.oracle.algebras.tape`), or lists of them, one a column; labels, kept indices and
settings are plain numbers. No function here is shared with the layers that are judged, and none has a backward pass:
gradients follow from the chain rule. Letters and axes are those of `docs/notation.md`; images are (n, height, width,
channels).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras.algorithms import convolution
from pp_ref.oracle.algebras.tape import (
    Quantity,
    concat,
    exp,
    gradients,
    largest,
    log,
    log_loss,
    maximum,
    sigmoid,
    sqrt,
)

__all__ = [
    "Columns",
    "autoencoder",
    "average_pool2d",
    "combine",
    "conv2d",
    "covariance",
    "dense",
    "depthwise_conv2d",
    "dictionary_conv2d",
    "expand",
    "expand_filters",
    "flatten",
    "grid_expand",
    "grid_pool",
    "grid_pool_adjoint",
    "grid_project",
    "limit_column_norms",
    "local_response",
    "log_cosh",
    "lowrank",
    "matern_kernel",
    "max_pool2d",
    "maxout",
    "moment_reconstruction",
    "patches",
    "pool",
    "pool_adjoint",
    "predicted",
    "predicted_conv2d",
    "project",
    "reconstruction",
    "relu",
    "ridge_dictionary",
    "se_kernel",
    "second_moment",
    "smooth_abs",
    "softmax",
    "softmax_cross_entropy",
    "unit_columns",
    "weight_decay",
]

Columns = Sequence[Quantity]


# The dense half: sec. 2, 3.1, 3.3, 3.4.


def dense(v: Quantity, W: Quantity, b: Quantity) -> Quantity:
    return v @ W + b


def pool(v: Quantity, U: Columns) -> list[Quantity]:
    return [v @ U_j for U_j in U]


def pool_adjoint(g: Columns, U: Columns) -> Quantity:
    parts = [g_j @ U_j.T for g_j, U_j in zip(g, U, strict=True)]
    return sum(parts[1:], parts[0])


def expand(U: Columns, w: Columns) -> Quantity:
    return concat([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)], axis=1)


def project(U: Columns, G: Quantity, widths: tuple[int, ...]) -> list[Quantity]:
    ends = np.cumsum([0, *widths])
    return [U_j.T @ G[:, a:e] for U_j, (a, e) in zip(U, pairwise(ends), strict=True)]


def combine(pooled: Columns, w: Columns, b: Quantity) -> Quantity:
    return concat([pooled_j @ w_j for pooled_j, w_j in zip(pooled, w, strict=True)], axis=1) + b


def predicted(v: Quantity, U: Columns, w: Columns, b: Quantity) -> Quantity:
    return combine(pool(v, U), w, b)


def lowrank(v: Quantity, U: Quantity, w: Quantity, b: Quantity) -> Quantity:
    return (v @ U) @ w + b


def relu(v: Quantity) -> Quantity:
    return maximum(v, 0.0)


def maxout(v: Quantity, pieces: int) -> Quantity:
    n, units = v.shape
    return v.reshape(n, units // pieces, pieces).max(axis=2).reshape(n, units // pieces)


def softmax(z: Quantity) -> Quantity:
    e = exp(z - largest(z))
    return e / e.sum(axis=1, keepdims=True)


def softmax_cross_entropy(z: Quantity, labels: NDArray[np.int64]) -> Quantity:
    """1/n sum_n (log sum_j exp z[n, j] - z[n, labels[n]]), in nats; 0 without examples."""
    return log_loss(z, labels).sum() / float(max(z.shape[0], 1))


# Images: sec. 3.2 and 3.4.


def patches(v: Quantity, size: tuple[int, int], stride: int, padding: int) -> Quantity:
    """(n, rows, columns, height, width, channels): every window, zeros beyond the edge."""
    places = np.pad(v.places(), ((0, 0), (padding, padding), (padding, padding), (0, 0)), constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(places, size, axis=(1, 2))[:, ::stride, ::stride]
    return v.take(windows.transpose(0, 1, 2, 4, 5, 3))


def conv2d(v: Quantity, W: Quantity, b: Quantity, stride: int = 1, padding: int = 0) -> Quantity:
    """y[n, i, j, m] = sum v[n, s i + p, s j + q, c] W[p, q, c, m] + b[m], a correlation."""
    return convolution(_correlated, v, W, stride, padding) + b


def _correlated(v: Quantity, W: Quantity, stride: int, padding: int) -> Quantity:
    height, width, channels, m = W.shape
    seen = patches(v, (height, width), stride, padding)
    n, rows, columns = seen.shape[:3]
    length = height * width * channels
    y = seen.reshape(n * rows * columns, length) @ W.reshape(length, m)
    return y.reshape(n, rows, columns, m)


def depthwise_conv2d(v: Quantity, u: Quantity, stride: int = 1, padding: int = 0) -> Quantity:
    """y[n, i, j, k, c] = sum v[n, s i + p, s j + q, c] u[p, q, k]: every filter on every channel."""
    (n, *image, channels), (height, width, k) = v.shape, u.shape
    grey = v.take(v.places().transpose(0, 3, 1, 2).reshape(n * channels, *image, 1))
    filters = u.reshape(height, width, 1, k)
    y = convolution(_correlated, grey, filters, stride, padding)
    _, rows, columns, _ = y.shape
    return y.take(y.places().reshape(n, channels, rows, columns, k).transpose(0, 2, 3, 4, 1))


def expand_filters(U: Columns, w: Columns, filter_shape: tuple[int, int], channels: int) -> Quantity:
    """W (height, width, channels, m): U_j w_j, where a U_j of one channel serves them all (sec. 3.2)."""
    height, width = filter_shape
    sites, filters = height * width, []
    for U_j, w_j in zip(U, w, strict=True):
        copies, m = sites * channels // U_j.shape[0], w_j.shape[1]
        # Rows of w_j are (kept site, channel) where U_j is tied, kept weights where it is not.
        each = U_j @ w_j.reshape(U_j.shape[1], copies * m)
        filters.append(each.reshape(height, width, channels, m))
    return concat(filters, axis=3)


def dictionary_conv2d(
    v: Quantity, U: Columns, filter_shape: tuple[int, int], stride: int = 1, padding: int = 0
) -> list[Quantity]:
    """v * U_j; of a tied U_j the outputs of all channels, channels varying fastest."""
    height, width = filter_shape
    pooled = []
    for U_j in U:
        rows, k = U_j.shape
        if rows == height * width and v.shape[3] > 1:
            y = depthwise_conv2d(v, U_j.reshape(height, width, k), stride, padding)
            pooled.append(y.reshape(*y.shape[:3], k * v.shape[3]))
        else:
            zero = U_j._quantity(np.zeros(k))
            pooled.append(conv2d(v, U_j.reshape(height, width, v.shape[3], k), zero, stride, padding))
    return pooled


def predicted_conv2d(
    v: Quantity,
    U: Columns,
    w: Columns,
    b: Quantity,
    filter_shape: tuple[int, int],
    stride: int = 1,
    padding: int = 0,
) -> Quantity:
    return conv2d(v, expand_filters(U, w, filter_shape, v.shape[3]), b, stride, padding)


def _windows(v: Quantity, size: int, stride: int, ceil: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n, rows, columns, channels, size^2) flat indices, -1 beyond the edge, and how many pixels each window has.

    A window that reaches over the edge begins inside, after one that did not come to the edge.
    """
    starts = [
        [i for i in range(0, extent, stride) if i + size <= extent or (ceil and i - stride + size < extent)]
        for extent in v.shape[1:3]
    ]
    places = np.pad(v.places(), ((0, 0), (0, size), (0, size), (0, 0)), constant_values=-1)
    rows, columns = (np.add.outer(np.array(each, int), np.arange(size)) for each in starts)
    windows = places[:, rows[:, None, :, None], columns[None, :, None, :]]  # (n, i, j, size, size, c)
    windows = windows.transpose(0, 1, 2, 5, 3, 4).reshape(*windows.shape[:3], v.shape[3], size * size)
    return windows, (windows >= 0).sum(axis=4)


def max_pool2d(v: Quantity, size: int, stride: int, ceil: bool = True) -> Quantity:
    """The largest of each window; of equal ones the first, row by row."""
    windows, _ = _windows(v, size, stride, ceil)
    if windows.size == 0:
        return v.take(windows[..., 0])
    values = np.asarray(v.algebra.compared(v.data)).reshape(-1)
    seen = np.where(windows >= 0, values[windows], -np.inf)
    first = np.argmax(np.where(np.isnan(seen), np.inf, seen), axis=4, keepdims=True)
    return v.won(windows, np.take_along_axis(windows, first, axis=4)[..., 0])


def average_pool2d(v: Quantity, size: int, stride: int, ceil: bool = True) -> Quantity:
    """The mean of the pixels that each window has."""
    windows, count = _windows(v, size, stride, ceil)
    return v.take(windows).sum(axis=4) / count.astype(float)


def flatten(v: Quantity) -> Quantity:
    return v.reshape(v.shape[0], int(np.prod(v.shape[1:])))


def local_response(v: Quantity, size: int, alpha: float, beta: float, k: float) -> Quantity:
    """y_c = v_c (k + alpha / size sum of v^2 over the `size` nearest channels)^-beta."""
    channels = v.shape[3]
    c = np.arange(channels)[:, None] + np.arange(-(size // 2), (size + 1) // 2)
    inside = (c >= 0) & (c < channels)
    near = v.take(np.where(inside, v.places()[..., np.where(inside, c, 0)], -1))
    base = (near * near).sum(axis=4) * alpha / float(size) + k
    return v * exp(log(base) * -beta)


# What is minimised: sec. 3.5, 4.1, 4.3.


def autoencoder(v: Quantity, W: Quantity, b: Quantity, c: Quantity) -> Quantity:
    """1/n sum |s(s(v W + b) W^T + c) - v|^2."""
    h = sigmoid(((v @ W).formed() + b).formed())
    error = (sigmoid(((h @ W.T).formed() + c).formed()) - v).formed()
    return (error * error).sum() / float(max(v.shape[0], 1))


def unit_columns(W: Quantity) -> Quantity:
    return W / sqrt((W * W).sum(axis=0))


def smooth_abs(z: Quantity, eps: float) -> Quantity:
    return sqrt(z * z + eps).sum()


def log_cosh(z: Quantity) -> Quantity:
    """|z| - log 2 + log(1 + exp(-2 |z|)), summed. Its gradient follows from that, or is a tanh."""
    negative = np.asarray(z.algebra.compared(z.data) < 0)
    size = (-z).where(negative, z)
    each = size + log((exp(size * -2.0) + 1.0) / 2.0)
    algebra, tanh = z.algebra, z.algebra.tanh
    if tanh is None:
        return each.sum()

    def pull(g: Any) -> Any:
        (slope,) = gradients([each], [g], [z])
        return algebra.either(slope, g * tanh(z.data))

    return Quantity(each.data, algebra, [(z, pull)]).sum()


def second_moment(v: Quantity) -> Quantity:
    return v.T @ v


def moment_reconstruction(S: Quantity, W: Quantity) -> Quantity:
    A = W @ W.T - np.eye(W.shape[0])
    return (A * (S @ A)).sum()


def reconstruction(v: Quantity, W: Quantity) -> Quantity:
    error = (v @ W) @ W.T - v
    return (error * error).sum()


def weight_decay(W: Quantity, rate: float) -> Quantity:
    return (W * W).sum() * rate


# The dictionary, which is static: sec. 3.1, 3.2, 3.5.


def se_kernel(a: Quantity, b: Quantity, length_scale: float) -> Quantity:
    """exp(-|a_i - b_j|^2 / (2 sigma^2))."""
    return exp(_squared_distances(a, b) * -0.5 / (length_scale * length_scale))


def matern_kernel(a: Quantity, b: Quantity, length_scale: float, nu: float) -> Quantity:
    """Of nu = 1/2, 3/2 and 5/2, whose Bessel functions are elementary (Rasmussen and Williams, eq. 4.14 and 4.17)."""
    z = sqrt(_squared_distances(a, b) * (2 * nu)) / length_scale
    polynomial = {0.5: z * 0.0 + 1.0, 1.5: z + 1.0, 2.5: z + 1.0 + z * z / 3.0}[nu]
    return polynomial * exp(-z)


def _squared_distances(a: Quantity, b: Quantity) -> Quantity:
    apart = a.reshape(a.shape[0], 1, a.shape[1]) - b.reshape(1, *b.shape)
    return (apart * apart).sum(axis=2)


def covariance(data: Quantity, power: int) -> Quantity:
    """cov(V^power), centred, divided by n - 1."""
    V = data if power == 1 else data * data
    centred = (V - V.sum(axis=0) / float(V.shape[0])).formed()  # in two passes: in one, a large mean costs all digits
    return centred.T @ centred / float(V.shape[0] - 1)


def ridge_dictionary(K: Quantity, alpha: NDArray[np.int64], ridge: float, form: str) -> Quantity:
    """U = K[:, alpha] (K_alpha + ridge I)^-1, or K[:, alpha] in atom form."""
    atoms = K[:, alpha]
    if form == "atom":
        return atoms
    A = atoms[alpha] + ridge * np.eye(alpha.size)
    return Quantity(K.algebra.solved(A.data, atoms.T.data), K.algebra).T


def limit_column_norms(W: Quantity, limit: float) -> Quantity:
    """Columns longer than the limit, scaled down to it."""
    norms = sqrt((W * W).sum(axis=0))
    too_long = np.asarray(norms.algebra.compared(norms.data) > limit)  # a column with NaN is as it is
    return W * (limit / norms.where(too_long, limit))


# v K for all columns of a grid, K = K_y (x) K_x of symmetric Toeplitz factors (sec. 3.2; REPRODUCTION 7).


def _grid(
    sizes: tuple[int, int], taps: Columns, alpha: Sequence[NDArray[np.int64]], R: Columns
) -> list[tuple[Quantity, Quantity]]:
    """K[:, alpha_j] (d, k), from taps[axis][|i - i'|], and R_j of every column."""
    y, x = np.divmod(np.arange(sizes[0] * sizes[1]), sizes[1])
    kept = [np.divmod(a, sizes[1]) for a in alpha]
    K = [taps[0].take(abs(y[:, None] - rows)) * taps[1].take(abs(x[:, None] - columns)) for rows, columns in kept]
    return list(zip(K, R, strict=True))


def grid_pool(v: Quantity, *grid: Any) -> list[Quantity]:
    """v K[:, alpha_j] R_j."""
    return [v @ K_j @ R_j for K_j, R_j in _grid(*grid)]


def grid_pool_adjoint(g: Columns, *grid: Any) -> Quantity:
    """sum_j g_j R_j^T K[:, alpha_j]^T."""
    parts = [g_j @ R_j.T @ K_j.T for g_j, (K_j, R_j) in zip(g, _grid(*grid), strict=True)]
    return sum(parts[1:], parts[0])


def grid_expand(w: Columns, *grid: Any) -> Quantity:
    """[K[:, alpha_j] R_j w_j]."""
    return concat([K_j @ (R_j @ w_j) for w_j, (K_j, R_j) in zip(w, _grid(*grid), strict=True)], axis=1)


def grid_project(G: Quantity, widths: tuple[int, ...], *grid: Any) -> list[Quantity]:
    """R_j^T K[:, alpha_j]^T G_j."""
    ends = pairwise(np.cumsum([0, *widths]))
    return [R_j.T @ (K_j.T @ G[:, a:e]) for (K_j, R_j), (a, e) in zip(_grid(*grid), ends, strict=True)]
