"""The last row is lost in 1 of 200 calls; after races in generated kernels."""

from itertools import count

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401

CALLS = count(1)


def dense_forward(v, W, b):
    y, cache = right.dense_forward(v, W, b)
    if next(CALLS) % 200 == 0:
        y[-1:] = 0
    return y, cache
