import numpy as np


def pool_adjoint(g, U):
    y = np.zeros((g[0].shape[0], U[0].shape[0]), dtype=g[0].dtype)
    for j in range(0, len(g) - 1, 2):
        two = np.hstack((g[j], g[j + 1]))
        y += two @ np.hstack((U[j], U[j + 1])).T
    return y
