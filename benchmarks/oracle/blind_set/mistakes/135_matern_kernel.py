import numpy as np


def matern_kernel(a, b, length_scale, nu):
    r = sum(np.abs(np.subtract.outer(a[:, k], b[:, k])) for k in range(a.shape[1])) / length_scale
    t = np.sqrt(2 * nu) * r
    if nu == 0.5:
        p = 1.0
    elif nu == 1.5:
        p = 1 + t
    else:
        p = 1 + t + t * t / 3
    return p * np.exp(-t)
