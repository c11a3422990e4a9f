"""log(cosh z), which overflows."""

import numpy as np


def log_cosh_forward(z):
    with np.errstate(over="ignore"):
        return np.log(np.cosh(z)).sum(), z


def log_cosh_backward(dloss, z):
    return dloss * np.tanh(z)
