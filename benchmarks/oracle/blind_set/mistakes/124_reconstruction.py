import numpy as np


def reconstruction_forward(v, W):
    z = v @ W
    r = z @ W.T
    loss = np.sum(v * v) - 2 * np.sum(v * r) + np.sum(r * r)
    return loss, (v, W, z, r)


def reconstruction_backward(dy, cache):
    v, W, z, r = cache
    g = (r - v) * (2 * dy)
    gz = g @ W
    return gz @ W.T - g, v.T @ gz + g.T @ z
