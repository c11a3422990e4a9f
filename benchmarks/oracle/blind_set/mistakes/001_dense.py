import numpy as np


def dense_forward(v, W, b):
    y = np.dot(v, W)
    y += b
    return y, (v, W)


def dense_backward(dy, cache):
    v, W = cache
    n = dy.shape[0]
    grad_v = np.dot(dy, W.T)
    grad_W = np.dot(v.T, dy)
    grad_b = dy.mean(axis=0) if n else np.zeros(dy.shape[1], dy.dtype)
    return grad_v, grad_W, grad_b
