import numpy as np


def weight_decay_forward(W, rate):
    return rate * np.sum(W ** 2), rate * W


def weight_decay_backward(dy, scaled):
    return dy * scaled
