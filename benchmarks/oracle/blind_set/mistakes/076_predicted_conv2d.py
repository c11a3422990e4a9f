import numpy as np


def _expand(U, w, fs, c):
    out = []
    for u, x in zip(U, w):
        if u.shape[0] == fs[0] * fs[1] * c:
            f = u @ x
        else:
            f = np.einsum("tf,fam->tam", u, x.reshape(u.shape[1], c, x.shape[1]))
        out.append(f.reshape(fs[0], fs[1], c, x.shape[1]))
    return np.concatenate(out, 3)


def _project(U, w, dW):
    h, wd, c, _ = dW.shape
    at, out = 0, []
    for u, x in zip(U, w):
        g = dW[..., at:at + x.shape[1]]
        at += x.shape[1]
        if u.shape[0] == h * wd * c:
            out.append(u.T @ g.reshape(h * wd * c, x.shape[1]))
        else:
            out.append(np.einsum("tf,tam->fam", u, g.reshape(h * wd, c, x.shape[1])).reshape(x.shape))
    return out


def predicted_conv2d_forward(v, U, w, b, filter_shape, stride, padding):
    W = _expand(U, w, filter_shape, v.shape[3])
    x = np.pad(v, ((0, 0), (padding,) * 2, (padding,) * 2, (0, 0)))
    win = np.lib.stride_tricks.sliding_window_view(x, tuple(filter_shape), (1, 2))[:, ::stride, ::stride]
    return np.einsum("nrtapq,pqam->nrtm", win, W, optimize=True) + b, (win, W, U, w, x.shape, v.shape, stride, padding)


def predicted_conv2d_backward(dy, cache):
    win, W, U, w, xs, vs, s, p = cache
    dW = np.einsum("nrtapq,nrtm->pqam", win, dy, optimize=True)
    dx = np.zeros(xs, dy.dtype)
    for r in range(dy.shape[1]):
        for t in range(dy.shape[2]):
            dx[:, r * s:r * s + W.shape[0], t * s:t * s + W.shape[1]] += np.tensordot(dy[:, r, t], W, ((1,), (3,)))
    dv = np.zeros(vs, dy.dtype)
    inner = dx[:, p:-p, p:-p]
    if inner.size:
        dv[:] = inner
    return dv, _project(U, w, dW), dy.sum((0, 1, 2))
