import numpy as np


def rica_le2011_loss_and_gradient(x, U, w, objective, trade_off, eps):
    W = np.concatenate([np.dot(u, q) for u, q in zip(U, w)], axis=1)
    z = np.dot(x, W)
    a = np.abs(z)
    e = np.dot(z, W.T) - x
    loss = np.sum(a + np.log1p(np.exp(-2 * a)) - np.log(2.0)) + trade_off * np.sum(e ** 2)
    dz = np.tanh(z) + 2 * trade_off * np.dot(e, W)
    dW = np.dot(x.T, dz) + 2 * trade_off * np.dot(e.T, z)
    grads, at = [], 0
    for u, q in zip(U, w):
        grads.append(np.dot(u.T, dW[:, at:at + q.shape[1]]))
        at += q.shape[1]
    return loss, grads
