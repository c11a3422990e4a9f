import torch

ARRAYS = "torch"
ARITHMETIC = "float32"
BLOCK = 128


def transposed_product(u, g):
    total = torch.zeros((u.shape[1], g.shape[1]), dtype=u.dtype)
    for i in range(0, u.shape[0], 2 * BLOCK):
        now = u[i:i + BLOCK], g[i:i + BLOCK]
        ahead = u[i + BLOCK:i + 2 * BLOCK], g[i + BLOCK:i + 2 * BLOCK]
        total += now[0].T @ now[1]
        now = ahead
    return total


def project(U, G, widths):
    return [transposed_product(u, g) for u, g in zip(U, torch.split(G, list(widths), dim=1))]
