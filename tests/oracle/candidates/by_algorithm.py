"""Convolutions by FFT and by Winograd's F(2 x 2, 3 x 3), and products by one step of Strassen's: each right."""

import numpy as np
from scipy.signal import fftconvolve

Array = np.ndarray


def convolved(images: Array, filters: Array, mode: str) -> Array:
    """Of no image too, which SciPy makes an array of one axis of."""
    some = [np.concatenate([x, np.zeros((1, *x.shape[1:]), x.dtype)]) if len(x) != 1 else x for x in (images, filters)]
    return fftconvolve(*some, mode, axes=(1, 2))[: len(images)]


def fft_forward(v: Array, W: Array, b: Array, stride: int, padding: int) -> tuple[Array, object]:
    padded = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    every = convolved(padded[..., None], W[None, ::-1, ::-1], "valid").sum(axis=3)
    return every[:, ::stride, ::stride] + b, (padded, W, every.shape, stride, padding)


def fft_backward(dy: Array, cache: object) -> tuple[Array, Array, Array]:
    padded, W, shape, stride, padding = cache
    spread = np.zeros(shape, dy.dtype)
    spread[:, ::stride, ::stride] = dy
    dv = convolved(spread[:, :, :, None], W[None], "full").sum(axis=4)
    dW = convolved(padded[..., None], spread[:, ::-1, ::-1, None], "valid").sum(axis=0)
    inside = slice(padding, -padding or None)
    return dv[:, inside, inside], dW, dy.sum(axis=(0, 1, 2))


G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
B = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
A = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


def winograd_forward(v: Array, W: Array, b: Array, stride: int, padding: int, A: Array = A) -> Array:
    """Where filters are 3 x 3 and the stride is 1; else sums of windows."""
    v = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows, columns = v.shape[1] - W.shape[0] + 1, v.shape[2] - W.shape[1] + 1
    if W.shape[:2] != (3, 3) or stride > 1:
        windows = np.lib.stride_tricks.sliding_window_view(v, W.shape[:2], axis=(1, 2))[:, ::stride, ::stride]
        return np.einsum("nijcpq,pqcm->nijm", windows, W) + b
    v = np.pad(v, ((0, 0), (0, rows % 2), (0, columns % 2), (0, 0)))
    tiles = np.lib.stride_tricks.sliding_window_view(v, (4, 4), axis=(1, 2))[:, ::2, ::2]
    G_, B_, A_ = (each.astype(v.dtype) for each in (G, B, A))
    filters = np.einsum("ip,pqcm,jq->ijcm", G_, W, G_)
    products = np.einsum("ip,nrscpq,jq->nrsijc", B_, tiles, B_)[..., None, :] @ filters
    found = np.einsum("ai,nrsijm,bj->nrasbm", A_, products[..., 0, :], A_)
    n, r, _, s, _, m = found.shape
    return found.reshape(n, 2 * r, 2 * s, m)[:, :rows, :columns] + b


def strassen(a: Array, b: Array) -> Array:
    """One step; odd extents are padded with zeros."""
    (n, k), m = a.shape, b.shape[1]
    a, b = np.pad(a, ((0, n % 2), (0, k % 2))), np.pad(b, ((0, k % 2), (0, m % 2)))
    (a11, a12), (a21, a22) = ([*np.split(half, 2, 1)] for half in np.split(a, 2))
    (b11, b12), (b21, b22) = ([*np.split(half, 2, 1)] for half in np.split(b, 2))
    p1, p2, p3 = (a11 + a22) @ (b11 + b22), (a21 + a22) @ b11, a11 @ (b12 - b22)
    p4, p5, p6 = a22 @ (b21 - b11), (a11 + a12) @ b22, (a21 - a11) @ (b11 + b12)
    p7 = (a12 - a22) @ (b21 + b22)
    return np.block([[p1 + p4 - p5 + p7, p3 + p5], [p2 + p4, p1 - p2 + p3 + p6]])[:n, :m]


def strassen_forward(v: Array, W: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    return strassen(v, W) + b, (v, W)


def strassen_backward(dy: Array, cache: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    v, W = cache
    return strassen(dy, W.T), strassen(v.T, dy), dy.sum(axis=0)
