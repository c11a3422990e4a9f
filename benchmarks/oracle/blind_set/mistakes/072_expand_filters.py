import numpy as np


def _tie(u, c):
    """U (x) I, for one matrix product."""
    return (u[:, None, :, None] * np.eye(c, dtype=u.dtype)[None, :, None, :]).reshape(u.shape[0] * c, u.shape[1] * c)


def expand_filters_forward(U, w, filter_shape, channels):
    h, wd = filter_shape
    out = []
    for u, x in zip(U, w):
        if u.shape[0] != h * wd * channels:
            y = np.zeros((u.shape[0], channels, x.shape[1]), u.dtype)
            for a in range(channels):
                y[:, a] = u @ x[a::channels]
            out.append(y.reshape(h, wd, channels, x.shape[1]))
        else:
            out.append((u @ x).reshape(h, wd, channels, x.shape[1]))
    return np.concatenate(out, axis=-1), (U, w, channels, h * wd)


def expand_filters_backward(dy, cache):
    U, w, c, taps = cache
    grads, at = [], 0
    for u, x in zip(U, w):
        m = x.shape[1]
        g = dy[..., at:at + m].reshape(taps, c, m)
        at += m
        if u.shape[0] == taps * c:
            grads.append(u.T @ g.reshape(taps * c, m))
        else:
            one = u.T @ g.sum(axis=1)
            grads.append(np.repeat(one, c, axis=0))
    return grads
