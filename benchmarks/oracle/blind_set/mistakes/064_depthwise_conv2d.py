import numpy as np


def _full(u, c):
    return np.einsum("pqf,ab->pqafb", u, np.eye(c, dtype=u.dtype))


def depthwise_conv2d_forward(v, u, stride, padding):
    n, rows, cols, c = v.shape
    h, w, f = u.shape
    W = _full(u, c).reshape(h, w, c, f * c)
    x = np.zeros((n, rows + 2 * padding, cols + 2 * padding, c), v.dtype)
    x[:, padding:rows + padding, padding:cols + padding] = v
    ro, co = (x.shape[1] - h) // stride + 1, (x.shape[2] - w) // stride + 1
    y = np.zeros((n, ro, co, f * c), v.dtype)
    for p in range(h):
        for q in range(w):
            y += np.matmul(x[:, p:p + stride * (ro - 1) + 1:stride, q:q + stride * (co - 1) + 1:stride], W[p, q])
    return y.reshape(n, ro, co, f, c), (x.shape, v.shape, W, stride, padding)


def depthwise_conv2d_backward(dy, cache):
    xs, vs, W, s, pad = cache
    n, ro, co, f, c = dy.shape
    g = dy.reshape(n, ro, co, f * c)
    dx = np.zeros(xs, dy.dtype)
    for p in range(W.shape[0]):
        for q in range(W.shape[1]):
            dx[:, p:p + s * (ro - 1) + 1:s, q:q + s * (co - 1) + 1:s] += g @ W[p, q].T
    return dx[:, pad:pad + vs[1], pad:pad + vs[2]].copy()
