"""Rows past the last multiple of 4 are 0, also where there are fewer than 4."""

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    y, cache = right.dense_forward(v, W, b)
    y[len(v) // 4 * 4 :] = 0
    return y, cache
