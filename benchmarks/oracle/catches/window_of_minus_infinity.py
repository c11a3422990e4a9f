"""Gives the lowest finite number for a window of -infinity alone; after pytorch#39044."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import max_pool2d_backward  # noqa: F401


def max_pool2d_forward(v, size, stride, ceil):
    y, cache = right.max_pool2d_forward(v, size, stride, ceil)
    return np.maximum(y, np.finfo(v.dtype).min), cache
