import numpy as np


def ridge_dictionary(K, alpha, ridge, form):
    C = np.array(K[:, alpha])
    if form == "atom":
        return C
    k = alpha.shape[0]
    A = (K[alpha][:, alpha] + ridge * np.eye(k)).astype(np.float32)
    X = np.linalg.solve(A, C.T.astype(np.float32))
    return X.T.astype(K.dtype)
