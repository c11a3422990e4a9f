import numpy as np


def rica_ufldl_loss_and_gradient(x, U, w, objective, trade_off, eps):
    W = np.concatenate([u @ q for u, q in zip(U, w)], 1)
    length = np.sqrt((W * W).sum(0))
    H = W / length
    z = x @ H
    root = np.sqrt(z * z + eps)
    e = z @ H.T - x
    loss = trade_off * root.sum() + 0.5 * (e * e).sum()
    dz = trade_off * z / root + e @ H
    dH = x.T @ dz + e.T @ z
    dW = dH / length
    out, at = [], 0
    for u, q in zip(U, w):
        out.append(u.T @ dW[:, at:at + q.shape[1]])
        at += q.shape[1]
    return loss, out
