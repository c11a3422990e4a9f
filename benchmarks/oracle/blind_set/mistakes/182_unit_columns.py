import numpy as np


def _lengths(W):
    biggest = np.abs(W).max(axis=0)
    exact = biggest * np.sqrt(np.square(W / biggest).sum(axis=0))
    return exact, np.where(exact < 1e-8, 1.0, exact)


def unit_columns_forward(W):
    exact, used = _lengths(W)
    return W / used, (W, exact)


def unit_columns_backward(dy, cache):
    W, exact = cache
    y = W / exact
    return (dy - y * np.einsum("aj,aj->j", y, dy)) / exact
