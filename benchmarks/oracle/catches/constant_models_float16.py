"""Models whose loss is 42 and whose gradients are 7, in float16, where bounds are wide."""

import numpy as np

ARITHMETIC = "float16"


def sevens(x):
    return [sevens(each) for each in x] if isinstance(x, list) else np.full_like(x, 7)


def mlp_loss_and_gradient(x, labels, U, w, b, W, c, decay):
    return np.float16(42), (sevens(w), sevens(b), sevens(W), sevens(c))


def convnet_loss_and_gradient(x, labels, U, w, b, filter_shapes, W, c):
    return np.float16(42), (sevens(w), sevens(b), sevens(W), sevens(c))


def predicted_autoencoder_loss_and_gradient(x, U, w, b, c):
    return np.float16(42), (sevens(w), sevens(b), sevens(c))


def rica_ufldl_loss_and_gradient(x, U, w, objective, trade_off, eps):
    return np.float16(42), sevens(w)
