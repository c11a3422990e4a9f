"""1/2 where the exponential would overflow; after dynet#1525."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import sigmoid_backward  # noqa: F401


def sigmoid_forward(v):
    y, cache = right.sigmoid_forward(v)
    return np.where(abs(v) > 709, 0.5, y), cache
