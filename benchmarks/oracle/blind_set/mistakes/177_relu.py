import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def relu_forward(v):
    return torch.relu(v), v <= 0


def relu_backward(dy, off):
    return dy.masked_fill_(off, 0.0)
