"""Rows in blocks of 32, the last one shorter."""
import numpy as np

BLOCK = 32


def _blocks(n):
    return [slice(i, min(i + BLOCK, n)) for i in range(0, n, BLOCK)]


def second_moment_forward(v):
    y = np.zeros((v.shape[1], v.shape[1]), v.dtype)
    for s in _blocks(len(v)):
        y += v[s].T @ v[s]
    return y, v


def second_moment_backward(dy, v):
    both = dy + dy.T
    dv = np.empty(v.shape, v.dtype)
    for s in _blocks(len(v)):
        dv[s] = v[s] @ both
    return dv


def covariance(data, power):
    n, d = data.shape
    V = np.array(data) if power == 1 else data * data
    mean = np.zeros(d, V.dtype)
    for s in _blocks(n):
        mean += V[s].sum(0)
    mean /= n
    V -= mean
    V -= V.mean(0)
    y = np.zeros((d, d), V.dtype)
    for s in _blocks(n):
        y += V[s].T @ V[s]
    return y / (n - 1)


def log_cosh_forward(z):
    total = 0.0
    for s in _blocks(len(z)):
        a = np.abs(z[s])
        total += (a + (np.log1p(np.exp(-2 * a)) - np.log(2.0))).sum()
    return total, z


def log_cosh_backward(dy, z):
    out = np.empty(z.shape, z.dtype)
    for s in _blocks(len(z)):
        np.tanh(z[s], out=out[s])
    out *= dy
    return out
