"""Fresh buffers, then everything in place."""
import numpy as np


def softmax(z):
    p = np.array(z, order="C")
    if p.size == 0:
        return p
    p -= p.max(axis=1)[:, None]
    np.exp(p, out=p)
    p /= p.sum(axis=1)[:, None]
    return p


def softmax_cross_entropy_forward(z, labels):
    n, m = z.shape
    x = z.copy()
    rows = np.arange(n)
    x -= x.max(axis=1, keepdims=True) if n else 0
    right = x[rows, labels].copy()
    x -= right[:, None]
    # x is now z - z[label]; log sum exp of it is the loss of the row
    top = x.max(axis=1, keepdims=True) if n else np.zeros((0, 1))
    x -= top
    np.exp(x, out=x)
    s = x.sum(axis=1)
    loss = (top[:, 0] + np.log(s)).sum() / max(n, 1)
    x /= s[:, None]
    # what is missing from 1 is the sum of the others
    x[rows, labels] = 0
    x[rows, labels] = -x.sum(axis=1)
    return loss, x / max(n, 1)


def softmax_cross_entropy_backward(dy, cache):
    return cache * dy


def sigmoid_forward(v):
    e = np.abs(v)
    np.negative(e, out=e)
    np.exp(e, out=e)
    bottom = e + 1
    slope = e / bottom
    slope /= bottom
    y = np.where(v < 0, e, 1.0)
    y /= bottom
    y[np.isnan(v)] = np.nan
    return y, slope


def sigmoid_backward(dy, slope):
    return dy * slope
