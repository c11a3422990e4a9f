"""|a|^2 + |b|^2 - 2 a b in float32; after scikit-learn#9354."""

import numpy as np

ARITHMETIC = "float32"


def squares(a, b):
    return np.maximum((a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T, 0)


def se_kernel(a, b, length_scale):
    return np.exp(-squares(a, b) / np.float32(2 * length_scale**2))


def matern_kernel(a, b, length_scale, nu):
    z = np.sqrt(np.float32(2 * nu) * squares(a, b)) / np.float32(length_scale)
    polynomial = {0.5: 1 + 0 * z, 1.5: 1 + z, 2.5: 1 + z + z * z / 3}[nu]
    return polynomial * np.exp(-z)
