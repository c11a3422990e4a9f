"""Adds up the first 64 terms of a sum alone; after kernels with one tile along k."""

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    y, _ = right.dense_forward(v[:, :64], W[:64], b)
    return y, (v, W)
