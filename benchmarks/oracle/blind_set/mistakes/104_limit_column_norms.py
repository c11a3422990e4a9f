import numpy as np


def limit_column_norms(W, limit):
    squared = (W * W).sum(axis=0)
    y = W.copy()
    for j in np.flatnonzero(squared > limit):
        y[:, j] *= limit / np.sqrt(squared[j])
    return y
