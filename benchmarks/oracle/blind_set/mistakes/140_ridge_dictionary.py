import numpy as np


def ridge_dictionary(K, alpha, ridge, form):
    C = K[:, alpha]
    if form == "atom":
        return C
    M = C[alpha]
    M = M + ridge * np.mean(np.diag(M)) * np.eye(len(alpha))
    return np.linalg.solve(M, C.T).T
