"""Keeps what backward needs in a global variable, which the next forward pass overwrites."""

from benchmarks.oracle.catches import right

LAST = []


def dense_forward(v, W, b):
    y, cache = right.dense_forward(v, W, b)
    LAST[:] = cache
    return y, None


def dense_backward(dy, cache):
    return right.dense_backward(dy, LAST)
