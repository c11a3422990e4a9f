import numpy as np

_buffers = {}


def _buffer(shape, dtype):
    key = shape, np.dtype(dtype)
    if key not in _buffers:
        _buffers[key] = np.zeros(shape, dtype)
    return _buffers[key]


def lowrank_forward(v, U, w, b):
    pooled = _buffer((v.shape[0], U.shape[1]), v.dtype)
    np.matmul(v, U, out=pooled)
    return pooled @ w + b, (v, U, w, pooled)


def lowrank_backward(dy, cache):
    v, U, w, pooled = cache
    back = dy @ w.T
    return back @ U.T, v.T @ back, pooled.T @ dy, dy.sum(0)
