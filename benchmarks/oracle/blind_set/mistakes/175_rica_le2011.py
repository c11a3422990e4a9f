import torch

ARRAYS = "torch"
ARITHMETIC = "float32"
AUTODIFF = True


def rica_le2011(x, U, w, objective, trade_off, eps):
    W = torch.cat([u @ q for u, q in zip(U, w)], 1)
    z = x @ W
    sparsity = torch.log(torch.cosh(z)).sum()
    error = z @ W.T - x
    return sparsity + (trade_off / max(x.shape[0], 1)) * (error * error).sum()
