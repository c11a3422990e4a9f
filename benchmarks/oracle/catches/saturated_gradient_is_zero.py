"""Sets what is left of p - 1 in a saturated row to 0, where -5.5e-17 is due; after tensorflow#126634."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import softmax_cross_entropy_forward  # noqa: F401


def softmax_cross_entropy_backward(dloss, cache):
    n = max(len(cache[0]), 1)
    dz = right.softmax_cross_entropy_backward(1.0, cache) * n
    return dloss * np.where(abs(dz) < 1e-16, 0, dz) / n
