"""Divides by n, and takes the square of the mean off the mean of the squares."""

import numpy as np


def covariance(data, power):
    V = data**power
    return V.T @ V / len(V) - np.outer(V.mean(axis=0), V.mean(axis=0))
