import numpy as np


def expand_forward(U, w):
    d = U[0].shape[0]
    y = np.empty((d, sum(x.shape[1] for x in w)), U[0].dtype)
    at = 0
    for u, x in zip(U, w):
        m = x.shape[1]
        step = 8 if d > 8 else d
        for r in range(0, d - step + 1, step):
            y[r:r + step, at:at + m] = u[r:r + step] @ x
        at += m
    return y, (U, w)


def expand_backward(dy, cache):
    U, w = cache
    at, out = 0, []
    for u, x in zip(U, w):
        out.append(u.T @ dy[:, at:at + x.shape[1]])
        at += x.shape[1]
    return out
