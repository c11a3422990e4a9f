import numpy as np


def se_kernel(a, b, length_scale):
    sq = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2 * (a @ b.T)
    return np.exp(-np.maximum(sq, 0) / (2 * length_scale ** 2))
