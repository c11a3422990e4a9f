import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"
AUTODIFF = True


def mlp(x, labels, U, w, b, W, c, decay):
    h = x
    squares = W.square().sum()
    for us, ws, bias in zip(U, w, b):
        pre = torch.cat([(h @ u) @ q for u, q in zip(us, ws)], dim=1)
        h = torch.sigmoid(pre + bias)
        squares = squares + sum(q.square().sum() for q in ws)
    total = F.cross_entropy(h @ W + c, labels, reduction="sum") + decay * squares
    return total / max(x.shape[0], 1)
