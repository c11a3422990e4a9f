import numpy as np


def local_response_forward(v, size, alpha, beta, k):
    c = v.shape[-1]
    band = np.zeros((c, c), bool)
    for a in range(c):
        band[max(0, a - size // 2):a + (size - 1) // 2 + 1, a] = True
    s = np.stack([k + alpha * np.square(v[..., band[:, a]]).sum(-1) for a in range(c)], -1)
    return v * np.power(s, -beta), (v, s, band, alpha, beta)


def local_response_backward(dy, cache):
    v, s, band, alpha, beta = cache
    q = dy * v * np.power(s, -beta - 1)
    return dy * np.power(s, -beta) - 2 * alpha * beta * v * np.einsum("nrta,ba->nrtb", q, band.astype(v.dtype))
