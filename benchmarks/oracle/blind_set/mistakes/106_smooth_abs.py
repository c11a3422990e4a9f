import numpy as np


def smooth_abs_forward(z, eps):
    a = np.abs(z) + eps
    return a.sum(), (z, a)


def smooth_abs_backward(dy, cache):
    z, a = cache
    return dy * z / a
