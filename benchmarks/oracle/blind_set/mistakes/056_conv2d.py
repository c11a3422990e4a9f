import numpy as np


def _pad(v, p):
    return np.pad(v, ((0, 0), (p, p), (p, p), (0, 0)))


def conv2d_forward(v, W, b, stride, padding):
    K = W[::-1, ::-1]
    h, w = K.shape[:2]
    x = _pad(v, padding)
    ro, co = (x.shape[1] - h) // stride + 1, (x.shape[2] - w) // stride + 1
    y = np.zeros((v.shape[0], ro, co, K.shape[3]), v.dtype)
    for r in range(ro):
        for t in range(co):
            y[:, r, t] = np.tensordot(x[:, r * stride:r * stride + h, t * stride:t * stride + w], K, 3)
    return y + b, (x, v.shape, K, stride, padding)


def conv2d_backward(dy, cache):
    x, shape, K, s, p = cache
    h, w = K.shape[:2]
    dx, dK = np.zeros_like(x), np.zeros(K.shape, K.dtype)
    for r in range(dy.shape[1]):
        for t in range(dy.shape[2]):
            g = dy[:, r, t]
            at = (slice(None), slice(r * s, r * s + h), slice(t * s, t * s + w))
            dx[at] += np.tensordot(g, K, ((1,), (3,)))
            dK += np.tensordot(x[at], g, ((0,), (0,)))
    return dx[:, p:p + shape[1], p:p + shape[2]].copy(), dK[::-1, ::-1].copy(), dy.sum((0, 1, 2))
