import numpy as np


def weight_decay_forward(W, rate):
    gram = W.T @ W
    return rate * gram.sum(), (W, rate)


def weight_decay_backward(dy, cache):
    W, rate = cache
    return (2.0 * dy * rate) * W
