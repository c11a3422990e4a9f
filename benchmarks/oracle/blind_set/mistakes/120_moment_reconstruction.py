import torch

ARRAYS = "torch"
ARITHMETIC = "float32"


def moment_reconstruction_forward(S, W):
    A = W @ W.T - torch.eye(W.shape[0], dtype=W.dtype)
    loss = torch.einsum("ab,ac,cb->", A, S, A)
    return loss, (S, W, A)


def moment_reconstruction_backward(dy, cache):
    S, W, A = cache
    dA = dy * ((S + S.T) @ A)
    return dy * (A @ A.T), dA @ W
