import torch

ARRAYS = "torch"
ARITHMETIC = "float32"
AUTODIFF = True


def rica_ufldl(x, U, w, objective, trade_off, eps):
    W = torch.cat([u @ q for u, q in zip(U, w)], dim=1)
    unit = W / torch.linalg.vector_norm(W, dim=0)
    z = x @ unit
    sparsity = torch.sqrt(z ** 2 + eps).sum()
    return trade_off * sparsity + (z @ unit.T - x).square().sum()
