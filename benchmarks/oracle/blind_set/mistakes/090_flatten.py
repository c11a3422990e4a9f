import numpy as np


def flatten_forward(v):
    n, rows, cols, c = v.shape
    return v.reshape((n, rows * cols * c), order="A"), (n, rows, cols, c)


def flatten_backward(dy, shape):
    return dy.reshape(shape)
