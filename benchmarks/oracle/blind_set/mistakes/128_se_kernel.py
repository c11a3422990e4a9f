import numpy as np


def se_kernel(a, b, length_scale):
    diff = (a[:, np.newaxis, :] - b[np.newaxis, :, :]) / length_scale
    return np.exp(-np.einsum("ijk,ijk->ij", diff, diff))
