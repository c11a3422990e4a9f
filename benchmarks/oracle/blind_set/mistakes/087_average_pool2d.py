import numpy as np


def _spans(x, size, stride, ceil):
    k = -(-(x - size) // stride) + 1 if ceil else ((x - size) // stride + 1 if x >= size else 0)
    s = stride * np.arange(max(k, 0))
    s = s[s < x]
    return s, np.minimum(s + size, x)


def average_pool2d_forward(v, size, stride, ceil):
    n, rows, cols, c = v.shape
    table = np.zeros((n, rows + 1, cols + 1, c), v.dtype)
    table[:, 1:, 1:] = v.cumsum(1).cumsum(2)
    a, b = _spans(rows, size, stride, ceil)
    e, f = _spans(cols, size, stride, ceil)
    total = table[:, b][:, :, f] - table[:, a][:, :, f] - table[:, b][:, :, e] + table[:, a][:, :, e]
    count = ((b - a)[:, None] * (f - e)[None, :])[None, :, :, None]
    return total / count, (v.shape, a, b, e, f)


def average_pool2d_backward(dy, cache):
    shape, a, b, e, f = cache
    dv = np.zeros(shape, dy.dtype)
    for i in range(len(a)):
        for j in range(len(e)):
            dv[:, a[i]:b[i], e[j]:f[j]] += dy[:, i, j][:, None, None] / ((b[i] - a[i]) * (f[j] - e[j]))
    return dv
