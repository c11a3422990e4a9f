import numpy as np


def matern_kernel(a, b, length_scale, nu):
    r = np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)) / length_scale
    if nu == 0.5:
        return np.exp(-r)
    s = np.sqrt(2 * nu) * r
    poly = 1 + s if nu == 1.5 else 1 + s + r ** 2 / 3
    return poly * np.exp(-s)
