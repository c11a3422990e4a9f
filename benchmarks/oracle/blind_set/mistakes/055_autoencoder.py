import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def autoencoder_forward(v, W, b, c):
    n = max(v.shape[0], 1)
    h = torch.sigmoid(torch.addmm(b, v, W))
    r = torch.sigmoid(torch.addmm(c, h, W.t()))
    e = r - v
    return 0.5 * e.pow(2).sum() / n, (v, W, h, r, e / n)


def autoencoder_backward(dy, cache):
    v, W, h, r, e = cache
    g = dy * 2 * e
    dq = g * r * (1 - r)
    da = dq.mm(W) * h * (1 - h)
    return da.mm(W.t()) - g, v.t().mm(da) + dq.t().mm(h), da.sum(0), dq.sum(0)
