import numpy as np
from functools import reduce


def _n(x, size, stride, ceil):
    if ceil:
        k = (x - size + stride - 1) // stride + 1
        k = max(k, 0)
        return k - (k > 0 and (k - 1) * stride >= x)
    return max(0, (x - size) // stride + 1)


def max_pool2d_forward(v, size, stride, ceil):
    n, rows, cols, c = v.shape
    y = np.zeros((n, _n(rows, size, stride, ceil), _n(cols, size, stride, ceil), c), v.dtype)
    for r in range(y.shape[1]):
        for t in range(y.shape[2]):
            pixels = [v[:, i, j] for i in range(r * stride, min(rows, r * stride + size)) for j in range(t * stride, min(cols, t * stride + size))]
            y[:, r, t] = reduce(np.fmax, pixels)
    return y, (v, y.copy(), size, stride)


def max_pool2d_backward(dy, cache):
    v, y, size, stride = cache
    dv = np.zeros(v.shape, v.dtype)
    for r in range(y.shape[1]):
        for t in range(y.shape[2]):
            left = np.ones(y[:, r, t].shape, bool)
            for i in range(r * stride, min(v.shape[1], r * stride + size)):
                for j in range(t * stride, min(v.shape[2], t * stride + size)):
                    hit = left & (v[:, i, j] == y[:, r, t])
                    dv[:, i, j] += hit * dy[:, r, t]
                    left &= ~hit
    return dv
