import numpy as np


def _toeplitz(t):
    i = np.arange(len(t))
    return t[np.abs(i[:, None] - i)]


def grid_pool(v, sizes, taps, alpha, R):
    K = np.kron(_toeplitz(taps[1]), _toeplitz(taps[0]))
    return [v @ K[:, a] @ r for a, r in zip(alpha, R)]
