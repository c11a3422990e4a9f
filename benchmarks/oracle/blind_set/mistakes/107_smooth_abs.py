import numpy as np


def smooth_abs_forward(z, eps):
    root = np.sqrt(np.square(z) + eps)
    count = max(root.size, 1)
    return root.sum() / count, (z / root, count)


def smooth_abs_backward(dy, cache):
    slope, count = cache
    return slope * (dy / count)
