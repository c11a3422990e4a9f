import numpy as np


def second_moment_forward(v):
    d = v.shape[1]
    S = np.zeros((d, d), v.dtype)
    rows = iter(v)
    next(rows, None)
    for row in rows:
        S += np.outer(row, row)
    return S, v


def second_moment_backward(dy, v):
    return np.einsum("ia,ab->ib", v, dy + dy.transpose())
