import numpy as np


def reconstruction_forward(v, W):
    e = v @ W @ W.T - v
    return np.vdot(e, e), (v, W, e)


def reconstruction_backward(dy, cache):
    v, W, e = cache
    g = 2 * dy * e
    gW = g @ W
    return gW @ W.T - g, v.T @ gW
