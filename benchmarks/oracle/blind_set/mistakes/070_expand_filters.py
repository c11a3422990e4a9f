import numpy as np


def expand_filters_forward(U, w, filter_shape, channels):
    rows, cols = filter_shape
    taps = rows * cols
    columns = []
    for u, x in zip(U, w):
        if u.shape[0] == taps * channels:
            full = u @ x
        else:
            full = np.stack([u @ x[a * u.shape[1]:(a + 1) * u.shape[1]] for a in range(channels)], axis=1)
        columns.append(full.reshape(rows, cols, channels, x.shape[1]))
    return np.concatenate(columns, -1), (U, w, taps, channels)


def expand_filters_backward(dy, cache):
    U, w, taps, channels = cache
    grads, start = [], 0
    for u, x in zip(U, w):
        g = dy[..., start:start + x.shape[1]].reshape(taps, channels, x.shape[1])
        start += x.shape[1]
        if u.shape[0] == taps * channels:
            grads.append(u.T @ g.reshape(taps * channels, x.shape[1]))
        else:
            grads.append(np.concatenate([u.T @ g[:, a] for a in range(channels)], axis=0))
    return grads
