import numpy as np


def pool_adjoint(g, U):
    G = np.concatenate(g, axis=1)
    D = np.concatenate(U, axis=1)
    d, k = D.shape
    return G.dot(D.reshape(k, d))
