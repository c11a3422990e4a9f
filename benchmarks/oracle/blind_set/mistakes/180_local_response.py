import numpy as np


def local_response_forward(v, size, alpha, beta, k):
    c = v.shape[3]
    rate = alpha / min(size, c)
    lo, hi = size // 2, (size - 1) // 2
    padded = np.zeros(v.shape[:3] + (c + lo + hi,), v.dtype)
    padded[..., lo:lo + c] = v * v
    s = np.zeros(v.shape, v.dtype)
    for shift in range(lo + hi + 1):
        s += padded[..., shift:shift + c]
    s *= rate
    s += k
    return v * s ** -beta, (v, s, rate, beta, lo, hi)


def local_response_backward(dy, cache):
    v, s, rate, beta, lo, hi = cache
    c = v.shape[3]
    g = dy * s ** -beta
    inner = np.zeros(v.shape[:3] + (c + lo + hi,), v.dtype)
    inner[..., hi:hi + c] = dy * v * s ** (-beta - 1)
    back = np.zeros(v.shape, v.dtype)
    for shift in range(lo + hi + 1):
        back += inner[..., shift:shift + c]
    return g - 2 * rate * beta * v * back
