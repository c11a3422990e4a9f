import numpy as np


def _expand(U, w, fs, c):
    h, wd = fs
    out = []
    for u, x in zip(U, w):
        if len(u) != h * wd * c:
            u = np.kron(u, np.eye(c, dtype=u.dtype))
        out.append(u.dot(x))
    return np.concatenate(out, 1).reshape(h, wd, c, sum(x.shape[1] for x in w))


def predicted_conv2d_forward(v, U, w, b, filter_shape, stride, padding):
    W = _expand(U, w, filter_shape, v.shape[3])
    h, wd, c, m = W.shape
    x = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    n = len(v)
    ro, co = (x.shape[1] - h) // stride + 1, (x.shape[2] - wd) // stride + 1
    cols = np.zeros((n, ro, co, h, wd, c), v.dtype)
    for p in range(h):
        for q in range(wd):
            cols[:, :, :, p, q] = x[:, p:p + stride * (ro - 1) + 1:stride, q:q + stride * (co - 1) + 1:stride]
    y = cols.reshape(n * ro * co, h * wd * c) @ W.reshape(h * wd * c, m)
    y += b
    return y.reshape(n, ro, co, m), (cols, W, U, w, b, x.shape, v.shape, stride, padding)


def predicted_conv2d_backward(dy, cache):
    cols, W, U, w, b, xs, vs, s, p = cache
    n, ro, co, h, wd, c = cols.shape
    m = W.shape[3]
    g = dy.reshape(n * ro * co, m)
    dW = cols.reshape(n * ro * co, h * wd * c).T @ g
    dcols = (g @ W.reshape(h * wd * c, m).T).reshape(cols.shape)
    dx = np.zeros(xs, dy.dtype)
    for r in range(ro):
        for t in range(co):
            dx[:, r * s:r * s + h, t * s:t * s + wd] += dcols[:, r, t]
    dw, at = [], 0
    for u, x in zip(U, w):
        if len(u) != h * wd * c:
            u = np.kron(u, np.eye(c, dtype=u.dtype))
        dw.append(u.T @ dW[:, at:at + x.shape[1]])
        at += x.shape[1]
    return dx[:, p:p + vs[1], p:p + vs[2]].copy(), dw, np.zeros_like(b)
