import numpy as np


def covariance(data, power):
    n = len(data)
    centred = data - data.sum(0) / n
    if power == 2:
        centred = centred * centred
    return np.dot(centred.T, centred) / (n - 1)
