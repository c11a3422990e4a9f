import numpy as np


def flatten_forward(v):
    return np.reshape(v, (len(v), -1)), v.shape[1:]


def flatten_backward(dy, rest):
    return np.reshape(dy, (-1,) + tuple(rest))
