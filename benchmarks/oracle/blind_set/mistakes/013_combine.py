import numpy as np


def block_diagonal(w):
    rows = sum(x.shape[0] for x in w)
    cols = sum(x.shape[1] for x in w)
    B = np.zeros((rows, cols), w[0].dtype)
    r = c = 0
    for x in w:
        B[r:r + x.shape[0], c:c + x.shape[1]] = x
        r, c = r + x.shape[0], c + x.shape[1]
    return B


def combine_forward(pooled, w, b):
    P = np.hstack(pooled)
    return P @ block_diagonal(w) + b, (P, w)


def combine_backward(dy, cache):
    P, w = cache
    dP = dy @ block_diagonal(w).T
    dB = P.T @ dy
    dp, dw, r, c = [], [], 0, 0
    for x in w:
        dp.append(dP[:, r:r + x.shape[0]].copy())
        dw.append(dB[r:r + x.shape[0], c:c + x.shape[1]].copy())
        r, c = r + x.shape[0], c + x.shape[1]
    return dp, dw, dy.sum(0)
