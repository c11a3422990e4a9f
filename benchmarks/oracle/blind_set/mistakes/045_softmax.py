import numpy as np


def softmax(z):
    a = z - z.max(axis=1, keepdims=True)
    p = np.exp(a - np.log(np.exp(a).sum(axis=1, keepdims=True)))
    return np.clip(p, 1e-12, 1.0)
