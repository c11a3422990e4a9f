"""Reads its input in the order in which it lies in memory; after kernels that take a pointer and no strides."""

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    y, _ = right.dense_forward(v.ravel(order="K").reshape(v.shape), W, b)
    return y, (v, W)
