import numpy as np


def _count(x, size, stride, ceil):
    if ceil:
        return max(int(np.ceil((x - size) / stride)) + 1, 0)
    return (x - size) // stride + 1 if size <= x else 0


def max_pool2d_forward(v, size, stride, ceil):
    n, rows, cols, c = v.shape
    ro, co = _count(rows, size, stride, ceil), _count(cols, size, stride, ceil)
    y = np.full((n, ro, co, c), -np.inf, v.dtype)
    for r in range(ro):
        for t in range(co):
            block = v[:, r * stride:r * stride + size, t * stride:t * stride + size]
            if block.shape[1] and block.shape[2]:
                y[:, r, t] = block.max(axis=(1, 2))
    return y, (v, size, stride)


def max_pool2d_backward(dy, cache):
    v, size, stride = cache
    dv = np.zeros(v.shape, v.dtype)
    for i, r, t, a in np.ndindex(*dy.shape):
        block = v[i, r * stride:r * stride + size, t * stride:t * stride + size, a]
        if block.size:
            p, q = np.unravel_index(np.argmax(block), block.shape)
            dv[i, r * stride + p, t * stride + q, a] += dy[i, r, t, a]
    return dv
