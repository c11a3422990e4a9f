import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def toeplitz(t):
    i = torch.arange(t.shape[0])
    return t[(i.unsqueeze(1) - i).abs()]


def grid_pool_adjoint(g, sizes, taps, alpha, R):
    rows, cols = sizes
    n = g[0].shape[0]
    z = torch.zeros((n, rows * cols), dtype=g[0].dtype)
    for x, a, r in zip(g, alpha, R):
        z.index_add_(1, a, x @ r.T)
    y = torch.einsum("nyx,yr,xc->ncr", z.reshape(n, rows, cols), toeplitz(taps[0]), toeplitz(taps[1]))
    return y.reshape(n, rows * cols)
