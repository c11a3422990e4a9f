import numpy as np


def limit_column_norms(W, limit):
    length = np.linalg.norm(W, axis=0)
    with np.errstate(divide="ignore"):
        factor = np.minimum(1.0, limit / length)
    return W * factor[None, :]
