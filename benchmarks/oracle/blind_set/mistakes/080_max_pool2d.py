import numpy as np


def _windows(extent, size, stride, ceil):
    full = (extent - size) // stride + 1 if extent >= size else 0
    if ceil:
        more = -(-(extent - size) // stride) + 1
        full = max(more, 0)
        if full and (full - 1) * stride >= extent:
            full -= 1
    return full


def max_pool2d_forward(v, size, stride, ceil):
    n, rows, cols, c = v.shape
    ro, co = _windows(rows, size, stride, ceil), _windows(cols, size, stride, ceil)
    y = np.zeros((n, ro, co, c), v.dtype)
    index = np.zeros((n, ro, co, c), np.int64)
    for r in range(ro):
        for t in range(co):
            block = v[:, r * stride:r * stride + size, t * stride:t * stride + size]
            h, w = block.shape[1:3]
            flat = block.reshape(n, h * w, c)
            k = flat.argmax(axis=1)
            y[:, r, t] = np.take_along_axis(flat, k[:, None], axis=1)[:, 0]
            index[:, r, t] = (r * stride + k // w) * cols + t * stride + k % w
    return y, (index, v.shape)


def max_pool2d_backward(dy, cache):
    index, (n, rows, cols, c) = cache
    dv = np.zeros((n, rows * cols, c), dy.dtype)
    i = np.arange(n)[:, None, None, None]
    a = np.arange(c)[None, None, None, :]
    dv[i, index, a] += dy
    return dv.reshape(n, rows, cols, c)
