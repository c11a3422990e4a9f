import numpy as np


def depthwise_conv2d_forward(v, u, stride, padding):
    x = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    h, w, f = u.shape
    grid = [(x.shape[1] - h) // stride + 1, (x.shape[2] - w) // stride + 1]
    y = np.empty((x.shape[0], *grid, f, x.shape[3]), v.dtype)
    for r in range(grid[0]):
        for t in range(grid[1]):
            y[:, r, t] = np.einsum("npqa,pqf->nfa", x[:, r * stride:r * stride + h, t * stride:t * stride + w], u)
    return y, (x, u, stride, padding)


def depthwise_conv2d_backward(dy, cache):
    x, u, stride, padding = cache
    h, w, f = u.shape
    dx = np.zeros_like(x)
    for r in range(dy.shape[1]):
        for t in range(dy.shape[2]):
            dx[:, r * stride:r * stride + h, t * stride:t * stride + w] = np.einsum("nfa,pqf->npqa", dy[:, r, t], u)
    return dx[:, padding:dx.shape[1] - padding, padding:dx.shape[2] - padding].copy()
