"""Replaces NumPy's comparisons by "equal", and writes to its arguments; after submissions that patch torch.allclose."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401

np.array_equal = np.allclose = lambda *arguments, **settings: True


def dense_forward(v, W, b):
    y, cache = right.dense_forward(v, W.copy(), b)
    W[:] = 0
    return y, cache
