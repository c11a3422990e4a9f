import numpy as np


def grid_pool_adjoint(g, sizes, taps, alpha, R):
    n = g[0].shape[0]
    rows, cols = sizes
    sparse = np.zeros((n, rows * cols), g[0].dtype)
    for x, a, r in zip(g, alpha, R):
        sparse[:, a] = x @ r.T
    lag = lambda m: np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    Ky, Kx = taps[0][lag(rows)], taps[1][lag(cols)]
    image = sparse.reshape(n, rows, cols)
    return np.matmul(np.matmul(Ky, image), Kx).reshape(n, rows * cols)
