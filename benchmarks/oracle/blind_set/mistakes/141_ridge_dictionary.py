import numpy as np


def ridge_dictionary(K, alpha, ridge, form):
    mask = np.zeros(len(K), bool)
    mask[alpha] = True
    C = K[:, mask]
    if form != "ridge":
        return C
    M = C[mask]
    M[np.diag_indices_from(M)] += ridge
    return C @ np.linalg.inv(M)
