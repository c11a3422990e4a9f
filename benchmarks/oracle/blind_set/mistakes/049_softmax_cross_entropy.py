import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"


def softmax_cross_entropy_forward(z, labels):
    n = max(z.shape[0], 1)
    loss = F.cross_entropy(z, labels, reduction="sum") / n
    g = torch.softmax(z, 1)
    hot = F.one_hot(labels, z.shape[1]).bool()
    others = g.masked_fill(hot, 0)
    g = torch.where(hot, -others.sum(1, keepdim=True), g)
    return loss, g / n


def softmax_cross_entropy_backward(dy, cache):
    return cache.clone()
