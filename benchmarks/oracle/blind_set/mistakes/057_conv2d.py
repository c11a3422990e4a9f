import numpy as np


def _windows(extent, f, stride, padding):
    return -(-(extent + 2 * padding - f) // stride) + 1


def conv2d_forward(v, W, b, stride, padding):
    n, rows, cols, c = v.shape
    h, w, _, m = W.shape
    ro, co = _windows(rows, h, stride, padding), _windows(cols, w, stride, padding)
    x = np.zeros((n, (ro - 1) * stride + h + stride, (co - 1) * stride + w + stride, c), v.dtype)
    big = np.zeros((n, max(x.shape[1], rows + 2 * padding), max(x.shape[2], cols + 2 * padding), c), v.dtype)
    big[:, padding:padding + rows, padding:padding + cols] = v
    y = np.zeros((n, ro, co, m), v.dtype)
    for p in range(h):
        for q in range(w):
            y += big[:, p:p + stride * ro:stride, q:q + stride * co:stride][:, :ro, :co] @ W[p, q]
    return y + b, (big, v.shape, W, stride, padding)


def conv2d_backward(dy, cache):
    big, shape, W, s, pad = cache
    ro, co = dy.shape[1:3]
    dbig, dW = np.zeros_like(big), np.zeros(W.shape, W.dtype)
    for p in range(W.shape[0]):
        for q in range(W.shape[1]):
            dbig[:, p:p + s * ro:s, q:q + s * co:s][:, :ro, :co] += dy @ W[p, q].T
            dW[p, q] = np.tensordot(big[:, p:p + s * ro:s, q:q + s * co:s][:, :ro, :co], dy, ((0, 1, 2), (0, 1, 2)))
    return dbig[:, pad:pad + shape[1], pad:pad + shape[2]].copy(), dW, dy.sum((0, 1, 2))
