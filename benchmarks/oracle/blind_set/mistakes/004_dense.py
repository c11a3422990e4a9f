import numpy as np

TILE = 64


def tiled(a, b):
    inner = a.shape[1]
    if inner <= TILE:
        return a @ b
    out = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for t in range(inner // TILE):
        k = slice(t * TILE, (t + 1) * TILE)
        out += a[:, k] @ b[k]
    return out


def dense_forward(v, W, b):
    return tiled(v, W) + b, (v, W)


def dense_backward(dy, cache):
    v, W = cache
    return dy @ W.T, v.T @ dy, np.sum(dy, axis=0)
