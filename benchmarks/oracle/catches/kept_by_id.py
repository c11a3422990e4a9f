"""Keeps a result by the id() of its arguments, whatever they hold meanwhile; after reference-kernels#102."""

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401

KEPT = {}


def dense_forward(v, W, b):
    key = id(v), id(W), id(b)
    if key not in KEPT:
        KEPT[key] = right.dense_forward(v, W, b), (v, W, b)
    (y, cache), _ = KEPT[key]
    return y.copy(), cache
