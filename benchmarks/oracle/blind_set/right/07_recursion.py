"""Sums by halving, products by halving."""
import numpy as np


def _total(x):
    if x.shape[0] == 0:
        return np.zeros(x.shape[1:], x.dtype)
    if x.shape[0] == 1:
        return x[0] + 0
    half = x.shape[0] // 2
    return _total(x[:half]) + _total(x[half:])


def _product(a, b):
    """a @ b, the inner axis halved down to 16."""
    if a.shape[1] <= 16:
        return a @ b
    half = a.shape[1] // 2
    return _product(a[:, :half], b[:half]) + _product(a[:, half:], b[half:])


def reconstruction_forward(v, W):
    z = _product(v, W)
    e = _product(z, W.T) - v
    return _total(_total(e * e)), (v, W, z, e)


def reconstruction_backward(dy, cache):
    v, W, z, e = cache
    g = 2 * dy * e
    gW = _product(g, W)
    return _product(gW, W.T) - g, _product(v.T, gW) + _product(g.T, z)


def smooth_abs_forward(z, eps):
    q = np.sqrt(z * z + eps)
    return _total(_total(q)), (z, q)


def smooth_abs_backward(dy, cache):
    z, q = cache
    return dy * (z / q)


def weight_decay_forward(W, rate):
    return rate * _total(_total(W * W)), (W, rate)


def weight_decay_backward(dy, cache):
    W, rate = cache
    return (2 * rate * dy) * W
