import numpy as np


def _sigmoid(x):
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, z) / (1 + z)


def predicted_autoencoder_loss_and_gradient(x, U, w, b, c):
    n = max(x.shape[0], 1)
    stops = np.cumsum([q.shape[1] for q in w])
    W = np.concatenate([u @ q for u, q in zip(U, w)], axis=1)
    h = _sigmoid(x @ W + b)
    r = _sigmoid(h @ W.T + c)
    e = r - x
    dq = 2 / n * e * r * (1 - r)
    da = dq @ W * h * (1 - h)
    dW = dq.T @ h
    dw = [u.T @ dW[:, s - q.shape[1]:s] for u, q, s in zip(U, w, stops)]
    return np.sum(e * e) / n, (dw, da.sum(0), dq.sum(0))
