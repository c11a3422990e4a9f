import numpy as np


def relu_forward(v):
    mask = v > 0
    if mask.all():
        return v, mask
    return np.maximum(v, 0), mask


def relu_backward(dy, mask):
    out = np.zeros(dy.shape, dy.dtype)
    np.copyto(out, dy, where=mask)
    return out
