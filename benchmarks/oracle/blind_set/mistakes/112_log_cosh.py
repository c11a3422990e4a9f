import numpy as np


def log_cosh_forward(z):
    a = np.abs(z)
    value = np.logaddexp(a, -a) - np.log(2)
    return value.sum(), z.copy()


def log_cosh_backward(dy, z):
    up, down = np.exp(z), np.exp(-z)
    minus = 2 * np.sinh(z)
    return dy * minus / (up + down)
