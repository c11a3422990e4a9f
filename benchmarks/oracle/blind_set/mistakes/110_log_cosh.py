import numpy as np


def log_cosh_forward(z):
    return np.log(np.cosh(z)).sum(), z


def log_cosh_backward(dy, z):
    return dy * np.tanh(z)
