"""Solves a float64 system in float32 and casts what it found."""

import numpy as np


def ridge_dictionary(K, alpha, ridge, form):
    atoms = K[:, alpha]
    if form == "atom":
        return atoms
    A = atoms[alpha] + ridge * np.eye(len(alpha))
    return np.linalg.solve(A.astype(np.float32), atoms.T.astype(np.float32)).T.astype(K.dtype)
