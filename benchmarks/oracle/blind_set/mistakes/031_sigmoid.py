import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def sigmoid_forward(v):
    y = torch.sigmoid(v)
    return y, y.clone()


def sigmoid_backward(dy, cache):
    s = torch.sigmoid(cache)
    return dy * s * (1 - s)
