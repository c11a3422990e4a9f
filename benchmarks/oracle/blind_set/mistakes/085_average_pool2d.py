import numpy as np


def _matrix(x, size, stride, ceil):
    k = (x - size) // stride + 1 if x >= size else 0
    if ceil:
        k = max((x - size + stride - 1) // stride + 1, 0)
    M = np.array([[i * stride <= p < i * stride + size for p in range(x)] for i in range(k)], float).reshape(k, x)
    return M[M.sum(1) > 0]


def average_pool2d_forward(v, size, stride, ceil):
    A, B = _matrix(v.shape[1], size, stride, ceil), _matrix(v.shape[2], size, stride, ceil)
    y = np.zeros((v.shape[0], len(A), len(B), v.shape[3]), v.dtype)
    for i, a in enumerate(A > 0):
        for j, b in enumerate(B > 0):
            y[:, i, j] = v[:, a][:, :, b].mean((1, 2))
    return y, (A, B)


def average_pool2d_backward(dy, cache):
    A, B = cache
    return np.einsum("nrta,rx,ty->nxya", dy, A, B)
