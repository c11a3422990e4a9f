import numpy as np


def _span(a, size, c):
    return max(0, a - (size - 1) // 2), min(c, a + size // 2 + 1)


def local_response_forward(v, size, alpha, beta, k):
    c = v.shape[-1]
    d = np.empty_like(v)
    for a in range(c):
        lo, hi = _span(a, size, c)
        d[..., a] = k + alpha / size * (v[..., lo:hi] ** 2).sum(-1)
    return v * d ** -beta, (v, d, size, alpha, beta)


def local_response_backward(dy, cache):
    v, d, size, alpha, beta = cache
    c = v.shape[-1]
    dv = dy * d ** -beta
    t = dy * v * d ** (-beta - 1)
    for a in range(c):
        lo, hi = _span(a, size, c)
        dv[..., lo:hi] -= (2 * alpha * beta / size) * v[..., lo:hi] * t[..., a, None]
    return dv
