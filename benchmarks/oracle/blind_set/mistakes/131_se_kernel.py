import numpy as np
from math import exp


def se_kernel(a, b, length_scale):
    out = np.zeros((len(a), len(b)), a.dtype)
    for i, p in enumerate(a):
        for j, q in enumerate(b):
            out[i, j] = exp(-sum((x - y) ** 2 for x, y in zip(p, q)) / (2 * length_scale))
    return out
