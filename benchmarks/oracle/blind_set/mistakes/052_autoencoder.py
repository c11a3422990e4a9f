import numpy as np


def _s(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1.0) / (1.0 + e)


def autoencoder_forward(v, W, b, c):
    h = _s(v @ W + b)
    r = _s(h @ W.T + c)
    diff = r - v
    return np.sum(diff * diff) / max(len(v), 1), (v, W, h, r)


def autoencoder_backward(dy, cache):
    v, W, h, r = cache
    out = 2 * dy * (r - v) / max(len(v), 1)
    dq = out * r * (1 - r)
    da = (dq @ W) * h * (1 - h)
    dW = dq.T @ h
    dv = da @ W.T - out
    return dv, dW, da.sum(0), dq.sum(0)
