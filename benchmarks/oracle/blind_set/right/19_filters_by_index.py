"""Dictionaries of filters, by index arithmetic."""
import numpy as np


def _is_tied(u, taps, c):
    return u.shape[0] != taps * c


def expand_filters_forward(U, w, filter_shape, channels):
    h, wd = filter_shape
    taps = h * wd
    pieces = []
    for u, x in zip(U, w):
        out = np.zeros((h, wd, channels, x.shape[1]), x.dtype)
        for p in range(h):
            for q in range(wd):
                for a in range(channels):
                    if _is_tied(u, taps, channels):
                        out[p, q, a] = u[p * wd + q] @ x[a::channels]
                    else:
                        out[p, q, a] = u[(p * wd + q) * channels + a] @ x
        pieces.append(out)
    return np.concatenate(pieces, -1), (U, w, filter_shape, channels)


def expand_filters_backward(dy, cache):
    U, w, (h, wd), channels = cache
    grads, at = [], 0
    for u, x in zip(U, w):
        g = dy[..., at:at + x.shape[1]]
        at += x.shape[1]
        dx = np.zeros(x.shape, x.dtype)
        for p in range(h):
            for q in range(wd):
                for a in range(channels):
                    if _is_tied(u, h * wd, channels):
                        dx[a::channels] += np.outer(u[p * wd + q], g[p, q, a])
                    else:
                        dx += np.outer(u[(p * wd + q) * channels + a], g[p, q, a])
        grads.append(dx)
    return grads


def ridge_dictionary(K, alpha, ridge, form):
    columns = np.take(K, alpha, axis=1)
    if form == "atom":
        return columns
    M = np.take(columns, alpha, axis=0)
    M.flat[:: len(alpha) + 1] += ridge
    C = np.linalg.cholesky(M)
    half = np.linalg.solve(C, columns.T)
    return np.ascontiguousarray(np.linalg.solve(C.T, half).T)
