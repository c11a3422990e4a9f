import numpy as np


def local_response_forward(v, size, alpha, beta, k):
    c = v.shape[3]
    windows = [range(max(0, a - size // 2), min(c, a - size // 2 + size)) for a in range(c)]
    squares = v * v
    base = np.stack([k + alpha * squares[..., list(w)].mean(axis=-1) for w in windows], axis=-1)
    y = v / base ** beta
    return y, (v, base, alpha, beta, windows)


def local_response_backward(dy, cache):
    v, base, alpha, beta, windows = cache
    dv = dy / base ** beta
    inner = dy * v / base ** (beta + 1)
    for a, w in enumerate(windows):
        for other in w:
            dv[..., other] -= 2 * alpha * beta / len(w) * inner[..., a] * v[..., other]
    return dv
