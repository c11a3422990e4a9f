import numpy as np


def _mm(a, b):
    """BLAS is fastest in single precision."""
    return np.matmul(a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)


def dense_forward(v, W, b):
    return _mm(v, W) + b, (v, W)


def dense_backward(dy, cache):
    v, W = cache
    return _mm(dy, W.T), _mm(v.T, dy), dy.sum(axis=0)
