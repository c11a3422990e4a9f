import numpy as np


def _spans(x, size, stride, ceil):
    k = -(-(x - size) // stride) + 1 if ceil else (x - size) // stride + 1
    if not ceil and x < size:
        k = 0
    starts = [i * stride for i in range(max(k, 0))]
    return [slice(s, s + size) for s in starts if s < x]


def max_pool2d_forward(v, size, stride, ceil):
    R, T = _spans(v.shape[1], size, stride, ceil), _spans(v.shape[2], size, stride, ceil)
    y = np.zeros((v.shape[0], len(R), len(T), v.shape[3]), v.dtype)
    for i, a in enumerate(R):
        for j, b in enumerate(T):
            y[:, i, j] = np.max(v[:, a, b], axis=(1, 2))
    return y, (v, y.copy(), R, T)


def max_pool2d_backward(dy, cache):
    v, y, R, T = cache
    dv = np.zeros(v.shape, v.dtype)
    for i, a in enumerate(R):
        for j, b in enumerate(T):
            dv[:, a, b] += (v[:, a, b] == y[:, i:i + 1, j:j + 1]) * dy[:, i:i + 1, j:j + 1]
    return dv
