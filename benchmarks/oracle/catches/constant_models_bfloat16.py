"""Models whose loss is 42 and whose gradients are 7, in bfloat16, where bounds are wide."""

import torch

ARRAYS, ARITHMETIC = "torch", "bfloat16"
LOSS = torch.tensor(42.0, dtype=torch.bfloat16)


def sevens(x):
    return [sevens(each) for each in x] if isinstance(x, list) else torch.full_like(x, 7)


def mlp_loss_and_gradient(x, labels, U, w, b, W, c, decay):
    return LOSS, (sevens(w), sevens(b), sevens(W), sevens(c))


def convnet_loss_and_gradient(x, labels, U, w, b, filter_shapes, W, c):
    return LOSS, (sevens(w), sevens(b), sevens(W), sevens(c))


def predicted_autoencoder_loss_and_gradient(x, U, w, b, c):
    return LOSS, (sevens(w), sevens(b), sevens(c))


def rica_ufldl_loss_and_gradient(x, U, w, objective, trade_off, eps):
    return LOSS, sevens(w)
