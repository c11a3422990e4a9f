import numpy as np


def softmax_cross_entropy_forward(z, labels):
    n = z.shape[0]
    if n == 0:
        return 0.0, (z, labels)
    x = z - np.amax(z)
    e = np.exp(x)
    lse = np.log(np.add.reduce(e, 1))
    return np.add.reduce(lse - np.take_along_axis(x, labels[:, None], 1)[:, 0]) / n, (e / e.sum(1)[:, None], labels)


def softmax_cross_entropy_backward(dy, cache):
    p, labels = cache
    n, m = p.shape
    if n == 0:
        return np.zeros((0, m), p.dtype)
    mask = labels[:, None] == np.arange(m)[None, :]
    rest = np.where(mask, 0.0, p)
    return (rest - mask * rest.sum(1, keepdims=True)) * dy / n
