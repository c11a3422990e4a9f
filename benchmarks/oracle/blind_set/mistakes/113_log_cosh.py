import torch
import torch.nn.functional as F
import math

ARRAYS = "torch"
ARITHMETIC = "float32"


def log_cosh_forward(z):
    a = z.abs()
    return (a + F.softplus(-2 * a) - math.log(2)).sum(), z


def log_cosh_backward(dy, z):
    t = torch.tanh(z)
    return dy * (1 - t * t)
