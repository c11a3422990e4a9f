"""Windows and columns come from generators."""
import itertools
import numpy as np


def _count(x, size, stride, ceil):
    return sum(1 for start in range(0, x, stride) if start == 0 or start + size <= x or (ceil and start - stride + size < x)) if x >= size else _short(x, size, stride, ceil)


def _short(x, size, stride, ceil):
    return 1 if ceil and size - x < stride and x > 0 else 0


def _windows(rows, cols, size, stride, ceil):
    for r, t in itertools.product(range(_count(rows, size, stride, ceil)), range(_count(cols, size, stride, ceil))):
        yield r, t, slice(r * stride, r * stride + size), slice(t * stride, t * stride + size)


def max_pool2d_forward(v, size, stride, ceil):
    n, rows, cols, c = v.shape
    y = np.zeros((n, _count(rows, size, stride, ceil), _count(cols, size, stride, ceil), c), v.dtype)
    for r, t, a, b in _windows(rows, cols, size, stride, ceil):
        y[:, r, t] = v[:, a, b].max(axis=(1, 2))
    return y, (v, size, stride, ceil)


def max_pool2d_backward(dy, cache):
    v, size, stride, ceil = cache
    dv = np.zeros(v.shape, v.dtype)
    for r, t, a, b in _windows(v.shape[1], v.shape[2], size, stride, ceil):
        block = v[:, a, b]
        top = block.max(axis=(1, 2), keepdims=True)
        free = np.ones(top.shape, bool)
        for i, j in itertools.product(range(block.shape[1]), range(block.shape[2])):
            hit = free[:, 0, 0] & (block[:, i, j] == top[:, 0, 0])
            dv[:, a, b][:, i, j] += np.where(hit, dy[:, r, t], 0)
            free[:, 0, 0] &= ~hit
    return dv


def average_pool2d_forward(v, size, stride, ceil):
    n, rows, cols, c = v.shape
    y = np.zeros((n, _count(rows, size, stride, ceil), _count(cols, size, stride, ceil), c), v.dtype)
    for r, t, a, b in _windows(rows, cols, size, stride, ceil):
        y[:, r, t] = v[:, a, b].mean(axis=(1, 2))
    return y, (v.shape, v.dtype, size, stride, ceil)


def average_pool2d_backward(dy, cache):
    shape, dtype, size, stride, ceil = cache
    dv = np.zeros(shape, dtype)
    for r, t, a, b in _windows(shape[1], shape[2], size, stride, ceil):
        place = dv[:, a, b]
        place += (dy[:, r, t] / (place.shape[1] * place.shape[2]))[:, None, None, :]
    return dv
