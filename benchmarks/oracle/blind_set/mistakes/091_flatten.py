import numpy as np


def flatten_forward(v):
    n, h, w, c = v.shape
    return v.reshape(n, h * w * c), (n, h, w, c)


def flatten_backward(dy, cache):
    n, h, w, c = cache
    return dy.reshape(n, w, h, c).swapaxes(1, 2).copy()
