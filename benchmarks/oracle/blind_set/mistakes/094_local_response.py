import numpy as np


def _sum(x, before, behind):
    c = x.shape[-1]
    out = np.zeros_like(x)
    for shift in range(-before, behind + 1):
        for a in range(c):
            if 0 <= a + shift < c:
                out[..., a] += x[..., a + shift]
    return out


def local_response_forward(v, size, alpha, beta, k):
    before, behind = size // 2, (size - 1) // 2
    scale = k + (alpha / size) * _sum(v ** 2, before, behind)
    return v * scale ** (-beta), (v, scale, before, behind, alpha / size, beta)


def local_response_backward(dy, cache):
    v, scale, before, behind, rate, beta = cache
    through = dy * v * scale ** (-beta - 1)
    return dy * scale ** (-beta) - 2 * beta * rate * v * _sum(through, before, behind)
