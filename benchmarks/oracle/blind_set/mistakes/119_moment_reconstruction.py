import numpy as np


def moment_reconstruction_forward(S, W):
    d = W.shape[0]
    A = np.array(W @ W.T, order="C")
    A.ravel()[::d] -= 1
    return float((A * (S @ A)).sum()), (S, A, W)


def moment_reconstruction_backward(dy, cache):
    S, A, W = cache
    dA = dy * (S @ A + S.T @ A)
    return dy * (A @ A.T), dA @ W + dA.T @ W
