import numpy as np


def covariance(data, power):
    V = np.power(data, power)
    V = V - V.mean(axis=0, keepdims=True)
    return V.T @ V / V.shape[0]
