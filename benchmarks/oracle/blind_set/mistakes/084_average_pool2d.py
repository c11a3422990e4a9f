import numpy as np


def _starts(x, size, stride, ceil):
    if ceil:
        k = max(-(-(x - size) // stride) + 1, 0)
        return [s * stride for s in range(k) if s * stride < x]
    return list(range(0, x - size + 1, stride))


def average_pool2d_forward(v, size, stride, ceil):
    R, T = (_starts(x, size, stride, ceil) for x in v.shape[1:3])
    y = np.zeros((v.shape[0], len(R), len(T), v.shape[3]), v.dtype)
    for i, r in enumerate(R):
        for j, t in enumerate(T):
            y[:, i, j] = v[:, r:r + size, t:t + size].sum(axis=(1, 2)) / size ** 2
    return y, (v.shape, R, T, size)


def average_pool2d_backward(dy, cache):
    shape, R, T, size = cache
    dv = np.zeros(shape, dy.dtype)
    share = dy / size ** 2
    for i, r in enumerate(R):
        for j, t in enumerate(T):
            dv[:, r:r + size, t:t + size] += share[:, i:i + 1, j:j + 1]
    return dv
