import numpy as np


def _toeplitz(t, symmetric):
    i, j = np.indices((len(t), len(t)))
    lag = j - i
    return t[np.abs(lag)] if symmetric else t[lag]


def grid_expand(w, sizes, taps, alpha, R):
    K = np.kron(_toeplitz(taps[0], False), _toeplitz(taps[1], True))
    return np.concatenate([(K[:, a] @ r) @ x for x, a, r in zip(w, alpha, R)], 1)
