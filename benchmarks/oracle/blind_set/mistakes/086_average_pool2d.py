import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def _spans(x, size, stride, ceil):
    out = []
    start = 0
    while start < x:
        if start + size > x and not (ceil and (start == 0 and size - x < stride or start > 0 and start - stride + size < x)):
            break
        out.append((start, min(start + size, x)))
        start += stride
    return out


def average_pool2d_forward(v, size, stride, ceil):
    R, T = _spans(v.shape[1], size, stride, ceil), _spans(v.shape[2], size, stride, ceil)
    y = torch.zeros((v.shape[0], len(R), len(T), v.shape[3]), dtype=v.dtype)
    for i, (a, b) in enumerate(R):
        count = (b - a) * (b - a)
        for j, (c, d) in enumerate(T):
            y[:, i, j] = v[:, a:b, c:d].sum((1, 2)) / count
    return y, (v.shape, R, T)


def average_pool2d_backward(dy, cache):
    shape, R, T = cache
    dv = torch.zeros(shape, dtype=dy.dtype)
    for i, (a, b) in enumerate(R):
        count = (b - a) * (b - a)
        for j, (c, d) in enumerate(T):
            dv[:, a:b, c:d] += dy[:, i, j][:, None, None, :] / count
    return dv
