import numpy as np


def weight_decay_forward(W, rate):
    h = W.astype(np.float16)
    return rate * np.float64(np.sum(h * h, dtype=np.float16)), (W, rate)


def weight_decay_backward(dy, cache):
    W, rate = cache
    return np.multiply(W, 2 * rate * dy)
