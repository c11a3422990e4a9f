"""Compensated sums."""
import numpy as np


def _kahan(rows, shape, dtype):
    s = np.zeros(shape, dtype)
    c = np.zeros(shape, dtype)
    for x in rows:
        y = x - c
        t = s + y
        c = (t - s) - y
        s = t
    return s


def _dot(a, b):
    return _kahan((np.multiply.outer(a[:, k], b[k]) for k in range(a.shape[1])), (a.shape[0], b.shape[1]), a.dtype)


def dense_forward(v, W, b):
    return _dot(v, W) + b, (v, W)


def dense_backward(dy, cache):
    v, W = cache
    return _dot(dy, W.T), _dot(v.T, dy), _kahan(iter(dy), dy.shape[1], dy.dtype)


def pool_adjoint(g, U):
    d, n = U[0].shape[0], g[0].shape[0]
    terms = (np.multiply.outer(x[:, k], u[:, k]) for x, u in zip(g, U) for k in range(u.shape[1]))
    return _kahan(terms, (n, d), g[0].dtype)


def weight_decay_forward(W, rate):
    return rate * _kahan(iter((W * W).ravel()), (), W.dtype), (W, rate)


def weight_decay_backward(dy, cache):
    W, rate = cache
    return 2 * dy * rate * W
