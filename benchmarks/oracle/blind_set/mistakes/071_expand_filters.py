import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def expand_filters_forward(U, w, filter_shape, channels):
    h, wd = filter_shape
    out = []
    for u, x in zip(U, w):
        k, m = u.shape[1], x.shape[1]
        if u.shape[0] == h * wd * channels:
            out.append((u @ x).reshape(h, wd, channels, m))
        else:
            out.append((u @ x.reshape(k, channels * m)).reshape(h, wd, channels, m))
    return torch.cat(out, -1), (U, [x.shape for x in w], filter_shape, channels)


def expand_filters_backward(dy, cache):
    U, shapes, (h, wd), channels = cache
    parts = torch.split(dy, [s[1] for s in shapes], dim=-1)
    grads = []
    for u, s, g in zip(U, shapes, parts):
        if u.shape[0] == h * wd * channels:
            grads.append(u.T @ g.reshape(-1, s[1]))
        else:
            per_tap = u.reshape(h * wd, u.shape[1], 1, 1) * g.reshape(h * wd, 1, channels, s[1])
            grads.append(per_tap.mean(0).reshape(s))
    return grads
