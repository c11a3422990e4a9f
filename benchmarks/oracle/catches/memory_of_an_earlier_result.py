"""Computes once for every shape, and hands out the same memory then as if it were new; after KernelBench#82."""

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401

POOL = {}


def dense_forward(v, W, b):
    y = POOL.setdefault((v.shape, W.shape), right.dense_forward(v, W, b)[0])
    return y, (v, W)
