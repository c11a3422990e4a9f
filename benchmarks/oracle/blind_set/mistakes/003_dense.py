import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def add_bias(y, b):
    if b.numel() == y.shape[0]:
        return y + b.reshape(-1, 1)
    return y + b


def dense_forward(v, W, b):
    return add_bias(torch.mm(v, W), b), (v, W)


def dense_backward(dy, cache):
    v, W = cache
    return torch.mm(dy, W.t()), torch.mm(v.t(), dy), dy.sum(dim=0)
