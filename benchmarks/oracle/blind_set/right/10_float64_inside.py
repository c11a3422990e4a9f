"""float32 outside, float64 inside."""
import numpy as np

ARITHMETIC = "float32"
f8, f4 = np.float64, np.float32


def autoencoder_forward(v, W, b, c):
    v, W, b, c = (np.asarray(x, f8) for x in (v, W, b, c))

    def s(x):
        t = np.exp(-np.abs(x))
        return np.where(x < 0, t, 1.0) / (1.0 + t)

    a = v @ W + b
    h = s(a)
    q = h @ W.T + c
    r = s(q)
    e = r - v
    slopes = h * s(-a), r * s(-q)
    return f4((e * e).sum() / max(len(v), 1)), (v, W, h, e, slopes)


def autoencoder_backward(dy, cache):
    v, W, h, e, (hs, rs) = cache
    g = e * (2 * f8(dy) / max(len(v), 1))
    gq = g * rs
    ga = (gq @ W) * hs
    return tuple(x.astype(f4) for x in (ga @ W.T - g, v.T @ ga + gq.T @ h, ga.sum(0), gq.sum(0)))


def unit_columns_forward(W):
    W = W.astype(f8)
    length = np.sqrt((W * W).sum(0))
    y = W / length
    return y.astype(f4), (y, length)


def unit_columns_backward(dy, cache):
    y, length = cache
    dy = dy.astype(f8)
    return ((dy - y * (y * dy).sum(0)) / length).astype(f4)


def se_kernel(a, b, length_scale):
    a, b = a.astype(f8), b.astype(f8)
    out = np.zeros((len(a), len(b)))
    for axis in range(a.shape[1]):
        out += np.subtract.outer(a[:, axis], b[:, axis]) ** 2
    return np.exp(-out / (2 * length_scale * length_scale)).astype(f4)
