import numpy as np


def pool_adjoint(g, U):
    y = g[0] @ U[0].T
    for x, u in zip(g, U):
        y = y + x @ u.T
    return y
