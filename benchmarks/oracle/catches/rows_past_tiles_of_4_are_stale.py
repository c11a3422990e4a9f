"""Leaves rows past the last full tile of 4 as the buffer was; after tile races in public kernels."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    y, cache = right.dense_forward(v, W, b)
    full = len(v) // 4 * 4 if len(v) > 4 else len(v)
    return np.concatenate([y[:full], np.zeros_like(y[full:])]), cache
