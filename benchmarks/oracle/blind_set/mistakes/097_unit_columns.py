import numpy as np


def unit_columns_forward(W):
    length = np.sqrt(np.sum(W ** 2, axis=0) + 1e-12)
    y = W / length
    return y, (y.copy(), length)


def unit_columns_backward(dy, cache):
    y, length = cache
    return (dy - y * np.sum(y * dy, axis=0)) / length
