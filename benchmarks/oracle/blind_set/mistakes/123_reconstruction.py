import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def reconstruction_forward(v, W):
    z = v @ W
    e = z @ W.t() - v
    return (e ** 2).sum(), (v, W, z, e)


def reconstruction_backward(dy, cache):
    v, W, z, e = cache
    g = 2 * dy * e
    gz = g @ W
    return gz @ W.t(), v.t() @ gz + g.t() @ z
