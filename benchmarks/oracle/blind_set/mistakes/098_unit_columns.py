import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def unit_columns_forward(W):
    length = W.mul(W).sum(dim=0).sqrt()
    y = W / length
    return y, (y.clone(), length)


def unit_columns_backward(dy, cache):
    y, length = cache
    return (dy - y * (y * dy).sum(dim=0)) / length
