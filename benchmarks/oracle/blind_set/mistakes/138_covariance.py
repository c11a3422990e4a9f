import numpy as np


def covariance(data, power):
    n, d = data.shape
    s1 = np.zeros(d, data.dtype)
    s2 = np.zeros((d, d), data.dtype)
    for row in data:
        x = row if power == 1 else row * row
        s1 += x
        s2 += np.outer(x, x)
    return (s2 - np.outer(s1, s1) / n) / (n - 1)
