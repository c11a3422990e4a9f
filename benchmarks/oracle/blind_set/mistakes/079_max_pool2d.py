import numpy as np


def max_pool2d_forward(v, size, stride, ceil):
    n, rows, cols, c = v.shape

    def count(x):
        if not ceil:
            return max((x - size) // stride + 1, 0) if x >= size else 0
        k = max(-((size - x) // stride) + 1, 0)
        return k - 1 if k and (k - 1) * stride >= x else k

    ro, co = count(rows), count(cols)
    x = np.zeros((n, max(rows, ro * stride + size), max(cols, co * stride + size), c), v.dtype)
    x[:, :rows, :cols] = v
    y = np.zeros((n, ro, co, c), v.dtype)
    where = np.zeros((n, ro, co, c), int)
    for r in range(ro):
        for t in range(co):
            block = x[:, r * stride:r * stride + size, t * stride:t * stride + size].reshape(n, size * size, c)
            where[:, r, t] = np.argmax(block, 1)
            y[:, r, t] = np.take_along_axis(block, where[:, r, t][:, None], 1)[:, 0]
    return y, (where, x.shape, v.shape, size, stride)


def max_pool2d_backward(dy, cache):
    where, xs, vs, size, stride = cache
    dx = np.zeros(xs, dy.dtype)
    n, ro, co, c = where.shape
    I, A = np.meshgrid(np.arange(n), np.arange(c), indexing="ij")
    for r in range(ro):
        for t in range(co):
            p, q = np.divmod(where[:, r, t], size)
            np.add.at(dx, (I, r * stride + p, t * stride + q, A), dy[:, r, t])
    return dx[:, :vs[1], :vs[2]].copy()
