"""where(v > 0, v, 0), which makes 0 of NaN; after ReLUs of several frameworks."""

import numpy as np


def relu_forward(v):
    return np.where(v > 0, v, 0), v


def relu_backward(dy, v):
    return np.where(v > 0, dy, 0)
