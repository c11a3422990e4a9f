import numpy as np


class _Layer:
    @staticmethod
    def forward(v, W, b):
        return v @ W + b[np.newaxis], {"v": v, "W": W}

    @staticmethod
    def backward(dy, cache):
        v, W = cache["v"], cache["W"]
        dW = (dy.T @ v).reshape(W.shape)
        return dy @ W.T, dW, dy.sum(0)


dense_forward, dense_backward = _Layer.forward, _Layer.backward
