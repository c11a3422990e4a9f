import numpy as np


def max_pool2d_forward(v, size, stride, ceil):
    n, rows, cols, c = v.shape
    ro = (rows - size) // stride + 1 if rows >= size else 0
    co = (cols - size) // stride + 1 if cols >= size else 0
    y = np.zeros((n, ro, co, c), v.dtype)
    at = np.zeros((n, ro, co, c), np.int64)
    for r in range(ro):
        for t in range(co):
            w = v[:, r * stride:r * stride + size, t * stride:t * stride + size].reshape(n, size * size, c)
            y[:, r, t] = w.max(1)
            at[:, r, t] = w.argmax(1)
    return y, (at, v.shape, size, stride)


def max_pool2d_backward(dy, cache):
    at, shape, size, stride = cache
    dv = np.zeros(shape, dy.dtype)
    ro, co = at.shape[1:3]
    for i, r, t, a in np.ndindex(*at.shape):
        p, q = divmod(at[i, r, t, a], size)
        dv[i, r * stride + p, t * stride + q, a] += dy[i, r, t, a] if r < dy.shape[1] and t < dy.shape[2] else 0
    return dv
