import numpy as np


def flatten_forward(v):
    n, rows, cols, c = v.shape
    return np.moveaxis(v, 3, 1).reshape(n, c * rows * cols), v.shape


def flatten_backward(dy, shape):
    n, rows, cols, c = shape
    return np.moveaxis(dy.reshape(n, c, rows, cols), 1, 3).copy()
