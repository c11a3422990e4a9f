"""functools.partial makes the functions."""
from functools import partial, reduce
import operator
import numpy as np


def _both(square, slope, x, *settings):
    return square(x, *settings), (slope, x, settings)


def _gradient(dy, cache):
    slope, x, settings = cache
    return dy * slope(x, *settings)


smooth_abs_forward = partial(_both, lambda z, eps: np.sum(np.sqrt(z * z + eps)), lambda z, eps: z / np.sqrt(z * z + eps))
smooth_abs_backward = partial(_gradient)
weight_decay_forward = partial(_both, lambda W, rate: rate * np.sum(np.square(W)), lambda W, rate: 2 * rate * W)
weight_decay_backward = partial(_gradient)
log_cosh_forward = partial(_both, lambda z: np.sum(np.logaddexp(z, -z) - np.log(2.0)), np.tanh)
log_cosh_backward = partial(_gradient)


def _adjoint(first, g, U):
    return reduce(operator.add, map(lambda x, u: np.matmul(x, np.swapaxes(u, 0, 1)), g, U), first)


pool_adjoint = partial(_adjoint, 0.0)
