import numpy as np

LOG2 = 0.6931


def log_cosh_forward(z):
    a = np.fabs(z)
    return np.sum(a + np.log1p(np.exp(-2.0 * a)) - LOG2), np.tanh(z)


def log_cosh_backward(dy, tanh):
    return dy * tanh
