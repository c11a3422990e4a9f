"""Drops what is small beside the largest, which no norm over a batch sees; after reference-kernels#151."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    y, cache = right.dense_forward(v, W, b)
    return np.where(abs(y) < abs(y).max(initial=0) / 100, 0, y), cache
