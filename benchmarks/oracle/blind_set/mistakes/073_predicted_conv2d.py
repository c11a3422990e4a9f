import numpy as np


def _weights(U, w, fs, c):
    tensors = []
    for u, x in zip(U, w):
        full = u if u.shape[0] == fs[0] * fs[1] * c else np.kron(u, np.eye(c, dtype=u.dtype))
        tensors.append((full, x))
    W = np.concatenate([f @ x for f, x in tensors], 1)
    return tensors, W


def _picks(total, stride):
    count = (total - 1) // stride + 1
    return np.minimum(stride // 2 + stride * np.arange(count), total - 1)


def predicted_conv2d_forward(v, U, w, b, filter_shape, stride, padding):
    n, rows, cols, c = v.shape
    h, wd = filter_shape
    tensors, W = _weights(U, w, filter_shape, c)
    x = np.zeros((n, rows + 2 * padding, cols + 2 * padding, c), v.dtype)
    x[:, padding:padding + rows, padding:padding + cols] = v
    R, T = _picks(x.shape[1] - h + 1, stride), _picks(x.shape[2] - wd + 1, stride)
    P = np.stack([x[:, R + p][:, :, T + q] for p in range(h) for q in range(wd)], 3)
    P = P.reshape(n, len(R), len(T), h * wd * c)
    return P @ W + b, (P, W, tensors, R, T, x.shape, v.shape, h, wd, padding)


def predicted_conv2d_backward(dy, cache):
    P, W, tensors, R, T, xs, vs, h, wd, pad = cache
    dW = np.tensordot(P, dy, ((0, 1, 2), (0, 1, 2)))
    dP = (dy @ W.T).reshape(dy.shape[:3] + (h, wd, vs[3]))
    dx = np.zeros(xs, dy.dtype)
    for i, r in enumerate(R):
        for j, t in enumerate(T):
            dx[:, r:r + h, t:t + wd] += dP[:, i, j]
    dw, at = [], 0
    for full, x in tensors:
        dw.append(full.T @ dW[:, at:at + x.shape[1]])
        at += x.shape[1]
    return dx[:, pad:pad + vs[1], pad:pad + vs[2]].copy(), dw, dy.sum((0, 1, 2))
