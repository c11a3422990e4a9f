"""The cache is the backward function itself."""
import numpy as np


def local_response_forward(v, size, alpha, beta, k):
    c = v.shape[-1]
    # band[a, b] = 1 where channel b is in the window of channel a
    spans = [(max(a - size // 2, 0), min(a + (size - 1) // 2 + 1, c)) for a in range(c)]
    sums = np.stack([np.square(v[..., lo:hi]).sum(-1) for lo, hi in spans], -1)
    base = k + (alpha / size) * sums
    power = np.power(base, -beta)

    def back(dy):
        inner = dy * v * power / base
        dv = dy * power
        for a in range(c):
            seen_by = [t for t, (lo, hi) in enumerate(spans) if lo <= a < hi]
            if seen_by:
                dv[..., a] -= (2 * alpha * beta / size) * v[..., a] * inner[..., seen_by].sum(-1)
        return dv

    return v * power, back


def local_response_backward(dy, back):
    return back(dy)


def unit_columns_forward(W):
    scale = np.abs(W).max(axis=0)
    X = W / scale
    norm = np.sqrt((X * X).sum(axis=0))
    y = X / norm
    kept = y.copy()
    return y, lambda dy: (dy - kept * np.sum(kept * dy, axis=0)) / norm / scale


def unit_columns_backward(dy, back):
    return back(dy)


def average_pool2d_forward(v, size, stride, ceil):
    def axis(x):
        if ceil:
            count = max(-(-(x - size) // stride) + 1, 0)
            while count and (count - 1) * stride >= x:
                count -= 1
        else:
            count = (x - size) // stride + 1 if x >= size else 0
        pos = np.arange(x)[None, :] - stride * np.arange(count)[:, None]
        return [np.flatnonzero(row) for row in (pos >= 0) & (pos < size)]

    rows, cols = axis(v.shape[1]), axis(v.shape[2])
    y = np.zeros((v.shape[0], len(rows), len(cols), v.shape[3]), v.dtype)
    for r, ri in enumerate(rows):
        for t, ti in enumerate(cols):
            y[:, r, t] = v[:, ri][:, :, ti].mean((1, 2))
    shape = v.shape

    def back(dy):
        dv = np.zeros(shape, dy.dtype)
        for r, ri in enumerate(rows):
            for t, ti in enumerate(cols):
                dv[:, ri[0]:ri[-1] + 1, ti[0]:ti[-1] + 1] += dy[:, r:r + 1, t:t + 1] / (len(ri) * len(ti))
        return dv

    return y, back


def average_pool2d_backward(dy, back):
    return back(dy)
