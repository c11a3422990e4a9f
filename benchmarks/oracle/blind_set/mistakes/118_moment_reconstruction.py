import numpy as np


def moment_reconstruction_forward(S, W):
    A = W @ W.T - np.identity(len(W))
    SA = S @ A
    return np.sum(A * SA), (A, SA, W)


def moment_reconstruction_backward(dy, cache):
    A, SA, W = cache
    dA = 2 * dy * SA
    return dy * A @ A.T, (dA + dA.T) @ W
