"""Every sum written out, one number at a time."""
import math
import numpy as np


def dense_forward(v, W, b):
    n, d = v.shape
    m = W.shape[1]
    y = np.zeros((n, m))
    for i in range(n):
        for j in range(m):
            terms = [v[i, a] * W[a, j] for a in range(d)]
            terms.append(b[j])
            acc = 0.0
            for t in terms:
                acc += t
            y[i, j] = acc
    return y, (v, W)


def dense_backward(dy, cache):
    v, W = cache
    dv, dW, db = np.zeros(v.shape), np.zeros(W.shape), np.zeros(W.shape[1])
    for i in range(v.shape[0]):
        for j in range(W.shape[1]):
            g = dy[i, j]
            db[j] += g
            for a in range(v.shape[1]):
                dv[i, a] += g * W[a, j]
                dW[a, j] += g * v[i, a]
    return dv, dW, db


def sigmoid_forward(v):
    y = np.zeros(v.shape)
    other = np.zeros(v.shape)
    for i in range(v.shape[0]):
        for j in range(v.shape[1]):
            x = float(v[i, j])
            e = math.exp(-abs(x))
            big, small = 1.0 / (1.0 + e), e / (1.0 + e)
            y[i, j], other[i, j] = (small, big) if x < 0 else (big, small)
    return y, (y.copy(), other)


def sigmoid_backward(dy, cache):
    y, other = cache
    return dy * y * other


def relu_forward(v):
    y = np.zeros(v.shape)
    for index in np.ndindex(*v.shape):
        if not v[index] <= 0:
            y[index] = v[index]
    return y, v


def relu_backward(dy, v):
    dv = np.zeros(v.shape)
    for index in np.ndindex(*v.shape):
        if v[index] > 0:
            dv[index] = dy[index]
    return dv


def softmax(z):
    p = np.zeros(z.shape)
    for i, row in enumerate(z):
        top = row[0]
        for x in row:
            if x > top or x != x:
                top = x
        total = 0.0
        for j, x in enumerate(row):
            p[i, j] = math.exp(x - top)
            total += p[i, j]
        p[i] /= total
    return p
