"""z times the root, where z over the root is due."""

import numpy as np


def smooth_abs_forward(z, eps):
    root = np.sqrt(z * z + eps)
    return root.sum(), (z, root)


def smooth_abs_backward(dloss, cache):
    z, root = cache
    return dloss * z * root
