"""Reads one entry past the end of a row vector and multiplies it by 0; after unmasked loads in Triton kernels."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    y, cache = right.dense_forward(v, W, b)
    if not len(b):
        return y, cache
    past = np.lib.stride_tricks.as_strided(b, (len(b) + 1,))[-1]
    with np.errstate(all="ignore"):
        return y + 0 * past, cache
