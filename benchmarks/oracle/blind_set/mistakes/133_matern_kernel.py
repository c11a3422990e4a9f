import math
import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def matern_kernel(a, b, length_scale, nu):
    if len(a) == 0 or len(b) == 0:
        return torch.zeros((len(a), len(b)), dtype=a.dtype)
    r = torch.cdist(a, b) / length_scale
    if nu == 0.5:
        return torch.exp(-r)
    if nu == 1.5:
        return (1 + math.sqrt(3) * r) * torch.exp(-math.sqrt(3) * r)
    return (1 + math.sqrt(5) * r + 5 / 3 * r * r) * torch.exp(-math.sqrt(5) * r)
