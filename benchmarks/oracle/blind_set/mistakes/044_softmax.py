import numpy as np


def softmax(z):
    shifted = np.subtract(z, np.max(z, axis=-1, keepdims=True))
    e = np.exp(shifted)
    return np.divide(e, np.sum(e, axis=0))
