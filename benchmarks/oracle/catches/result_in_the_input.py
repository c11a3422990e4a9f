"""Writes its result over its input and returns that; after in-place kernels among KernelBench's submissions."""

import numpy as np


def relu_forward(v):
    positive = v > 0
    return np.maximum(v, 0, out=v), positive


def relu_backward(dy, positive):
    return dy * positive
