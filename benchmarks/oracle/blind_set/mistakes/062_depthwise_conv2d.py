import numpy as np


def depthwise_conv2d_forward(v, u, stride, padding):
    h, w, f = u.shape
    n, rows, cols, c = v.shape
    x = np.zeros((n, rows + 2 * padding, cols + 2 * padding, c), v.dtype)
    x[:, padding:padding + rows, padding:padding + cols] = v
    ro, co = (x.shape[1] - h) // stride + 1, (x.shape[2] - w) // stride + 1
    y = np.zeros((n, ro, co, c, f), v.dtype)
    for i in range(h):
        for j in range(w):
            y += x[:, i:i + stride * (ro - 1) + 1:stride, j:j + stride * (co - 1) + 1:stride, :, None] * u[i, j]
    return y.reshape(n, ro, co, f, c), (x.shape, v.shape, u, stride, padding)


def depthwise_conv2d_backward(dy, cache):
    xs, vs, u, s, p = cache
    ro, co = dy.shape[1:3]
    dx = np.zeros(xs, dy.dtype)
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            dx[:, i:i + s * (ro - 1) + 1:s, j:j + s * (co - 1) + 1:s] += (dy * u[i, j][:, None]).sum(3)
    return dx[:, p:p + vs[1], p:p + vs[2]].copy()
