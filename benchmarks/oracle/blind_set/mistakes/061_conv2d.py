import numpy as np


def conv2d_forward(v, W, b, stride, padding):
    P, Q, _, m = W.shape
    x = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)), constant_values=0)
    R, T = 1 + (x.shape[1] - P) // stride, 1 + (x.shape[2] - Q) // stride
    y = np.tile(b, (v.shape[0], R, T, 1)).astype(v.dtype)
    for p in range(P):
        for q in range(Q):
            y += x[:, p:p + (R - 1) * stride + 1:stride, q:q + (T - 1) * stride + 1:stride] @ W[p, q]
    return y, (x, W, v.shape, stride, padding)


def conv2d_backward(dy, cache):
    x, W, shape, stride, padding = cache
    P, Q = W.shape[:2]
    R, T = dy.shape[1:3]
    dW = np.zeros(W.shape, W.dtype)
    dx = np.zeros(x.shape, x.dtype)
    for p in range(P):
        for q in range(Q):
            dW[p, q] = np.einsum("nrta,nrtu->au", x[:, p:p + R, q:q + T], dy)
            dx[:, p:p + (R - 1) * stride + 1:stride, q:q + (T - 1) * stride + 1:stride] += dy @ W[p, q].T
    return dx[:, padding:padding + shape[1], padding:padding + shape[2]].copy(), dW, dy.sum(axis=(0, 1, 2))
