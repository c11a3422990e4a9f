import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def local_response_forward(v, size, alpha, beta, k):
    c = v.shape[3]
    a = torch.arange(c)
    lo, hi = (a - size // 2).clamp(min=0), (a + (size - 1) // 2 + 1).clamp(max=c)
    running = torch.cumsum(v.double() ** 2, dim=3)
    running = torch.cat([torch.zeros_like(running[..., :1]), running], 3)
    s = (k + alpha / size * (running[..., hi] - running[..., lo])).to(v.dtype)
    return v * s ** -beta, (v, s, lo.tolist(), hi.tolist(), alpha / size, beta)


def local_response_backward(dy, cache):
    v, s, lo, hi, rate, beta = cache
    dv = dy * s ** -beta
    t = dy * v * s ** (-beta - 1)
    for j, (l, h) in enumerate(zip(lo, hi)):
        dv[..., l:h] -= 2 * rate * beta * v[..., l:h] * t[..., j:j + 1]
    return dv
