"""Only forward passes; gradients are torch's."""
import torch
import torch.nn.functional as F

ARRAYS = "torch"
ARITHMETIC = "float32"
AUTODIFF = True


def predicted_forward(v, U, w, b):
    return v @ torch.cat([u @ x for u, x in zip(U, w)], 1) + b


def autoencoder_forward(v, W, b, c):
    h = torch.sigmoid(v @ W + b)
    r = torch.sigmoid(h @ W.T + c)
    return (r - v).square().sum() / max(len(v), 1)


def weight_decay_forward(W, rate):
    return rate * W.square().sum()


def mlp(x, labels, U, w, b, W, c, decay):
    h = x
    for us, ws, bias in zip(U, w, b):
        h = torch.sigmoid(predicted_forward(h, us, ws, bias))
    loss = F.cross_entropy(h @ W + c, labels, reduction="sum") / max(len(x), 1)
    squares = W.square().sum() + sum(q.square().sum() for layer in w for q in layer)
    return loss + decay * squares
