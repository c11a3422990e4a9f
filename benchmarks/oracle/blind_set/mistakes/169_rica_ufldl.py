import numpy as np

NORM_EPS = 1e-5


def rica_ufldl_loss_and_gradient(x, U, w, objective, trade_off, eps):
    parts = [u @ q for u, q in zip(U, w)]
    W = np.hstack(parts)
    norm = np.sqrt(np.square(W).sum(axis=0) + NORM_EPS)
    H = W / norm
    z = x @ H
    s = np.sqrt(np.square(z) + eps)
    r = z @ H.T - x
    loss = trade_off * np.sum(s) + np.sum(np.square(r)) / 2
    dH = x.T @ (trade_off * (z / s) + r @ H) + r.T @ z
    dW = (dH - H * np.sum(H * dH, axis=0)) / norm
    edges = np.cumsum([p.shape[1] for p in parts])[:-1]
    return loss, [u.T @ g for u, g in zip(U, np.split(dW, edges, axis=1))]
