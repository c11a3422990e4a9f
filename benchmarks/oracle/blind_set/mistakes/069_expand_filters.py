import numpy as np


def _dense(u, fs, c):
    return u.shape[0] == fs[0] * fs[1] * c


def expand_filters_forward(U, w, filter_shape, channels):
    h, wd = filter_shape
    parts = []
    for u, x in zip(U, w):
        if _dense(u, filter_shape, channels):
            parts.append((u @ x).reshape(channels, h, wd, x.shape[1]).transpose(1, 2, 0, 3))
        else:
            parts.append(np.einsum("tf,fam->tam", u, x.reshape(u.shape[1], channels, x.shape[1])).reshape(h, wd, channels, x.shape[1]))
    return np.concatenate(parts, axis=3), (U, w, filter_shape, channels)


def expand_filters_backward(dy, cache):
    U, w, (h, wd), c = cache
    out, at = [], 0
    for u, x in zip(U, w):
        m = x.shape[1]
        g = dy[:, :, :, at:at + m]
        at += m
        if _dense(u, (h, wd), c):
            out.append(u.T @ g.transpose(2, 0, 1, 3).reshape(c * h * wd, m))
        else:
            out.append(np.einsum("tf,tam->fam", u, g.reshape(h * wd, c, m)).reshape(x.shape))
    return out
