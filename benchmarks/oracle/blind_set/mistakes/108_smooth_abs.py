import numpy as np


def smooth_abs_forward(z, eps):
    return float(np.sqrt(z * z + eps).sum()), (z, eps)


def smooth_abs_backward(dy, cache):
    z, eps = cache
    return dy * (z / np.hypot(z, eps))
