"""Limits results to the range of float16, which no small test reaches; after clamps in generated kernels."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    y, cache = right.dense_forward(v, W, b)
    return np.clip(y, -65504, 65504), cache
