import numpy as np


def _circulant(t):
    n = len(t)
    i = np.arange(n)
    lag = (i[:, None] - i[None, :]) % n
    return t[np.minimum(lag, (n - lag) % n if n > 1 else lag)]


def grid_pool_adjoint(g, sizes, taps, alpha, R):
    K = np.kron(_circulant(taps[0]), _circulant(taps[1]))
    y = 0.0
    for x, a, r in zip(g, alpha, R):
        y = y + (x @ r) @ K[a]
    return y
