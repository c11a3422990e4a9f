import numpy as np


class _Factors:
    def __init__(self):
        self.grad = {}

    def forward(self, v, U, w, b):
        return v @ U @ w + b, (v, U, w)

    def backward(self, dy, cache):
        v, U, w = cache
        dh = dy @ w.T
        slot = self.grad.setdefault(U.shape, np.zeros(U.shape, U.dtype))
        slot += v.T @ dh
        return dh @ U.T, slot.copy(), (v @ U).T @ dy, dy.sum(axis=0)


layer = _Factors()
lowrank_forward, lowrank_backward = layer.forward, layer.backward
