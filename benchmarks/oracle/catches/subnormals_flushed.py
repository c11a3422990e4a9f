"""Takes subnormal numbers for 0, as libraries built with -ffast-math do to their host; after numpy#20895."""

import numpy as np

ARITHMETIC = "float32"


def flushed(x):
    return np.where(abs(x) < np.finfo(np.float32).tiny, np.float32(0), x)


def product(a, b):
    return flushed(flushed(a) @ flushed(b))


def dense_forward(v, W, b):
    return flushed(product(v, W) + flushed(b)), (v, W)


def dense_backward(dy, cache):
    v, W = cache
    return product(dy, W.T), product(v.T, dy), flushed(dy.sum(axis=0))
