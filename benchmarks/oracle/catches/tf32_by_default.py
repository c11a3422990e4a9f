"""Rounds the operands of float32 products to 10 bits; after pytorch#67384."""

import numpy as np

ARITHMETIC = "float32"


def rounded(x):
    """To the nearest TF32 number."""
    bits = np.ascontiguousarray(x).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


def product(a, b):
    return rounded(a) @ rounded(b)


def dense_forward(v, W, b):
    return product(v, W) + b, (v, W)


def dense_backward(dy, cache):
    v, W = cache
    return product(dy, W.T), product(v.T, dy), dy.sum(axis=0)
