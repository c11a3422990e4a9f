import numpy as np


def limit_column_norms(W, limit):
    length = np.sqrt(np.sum(np.square(W), axis=0))
    over = length > limit
    if not np.any(over):
        return W
    return np.where(over, W * (limit / np.where(over, length, 1.0)), W)
