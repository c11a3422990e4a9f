import numpy as np


def rica_le2011_loss_and_gradient(x, U, w, objective, trade_off, eps):
    n = max(len(x), 1)
    W = np.hstack([u @ q for u, q in zip(U, w)])
    size = np.sqrt((W ** 2).sum(axis=0))
    safe = np.where(size > 0, size, 1.0)
    H = W / safe
    z = x @ H
    e = z @ H.T - x
    lam = trade_off / n
    loss = np.sum(np.logaddexp(z, -z) - np.log(2.0)) + lam * np.sum(e * e)
    dH = x.T @ (np.tanh(z) + 2 * lam * e @ H) + 2 * lam * e.T @ z
    dW = (dH - H * np.sum(H * dH, axis=0)) / safe
    cuts = np.cumsum([q.shape[1] for q in w])[:-1]
    return loss, [u.T @ g for u, g in zip(U, np.split(dW, cuts, 1))]
