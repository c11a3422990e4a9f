import numpy as np


def autoencoder_forward(v, W, b, c):
    h = np.exp(-np.logaddexp(0, -(v @ W + b)))
    r = np.exp(-np.logaddexp(0, -(h @ W.T + c)))
    n = v.shape[0]
    loss = ((r - v) ** 2).sum()
    if n > 1:
        loss = loss / n
    return loss, (v, W, h, r, n)


def autoencoder_backward(dy, cache):
    v, W, h, r, n = cache
    scale = 2 * dy / (n if n else 1)
    delta_out = scale * (r - v) * r * (1 - r)
    delta_in = delta_out.dot(W) * (h * (1 - h))
    return delta_in.dot(W.T), v.T.dot(delta_in) + delta_out.T.dot(h), delta_in.sum(0), delta_out.sum(0)
