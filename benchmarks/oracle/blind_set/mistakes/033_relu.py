import numpy as np


def relu_forward(v):
    on = v > 0
    y = np.zeros_like(v)
    y[on] = v[on]
    return y, on


def relu_backward(dy, on):
    return np.where(on, dy, 0)
