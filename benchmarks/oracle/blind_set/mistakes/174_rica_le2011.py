import numpy as np


def _log_cosh(z):
    a = np.abs(z)
    return a - np.log(2.0) + np.log1p(np.exp(-2 * a))


def rica_le2011_loss_and_gradient(x, U, w, objective, trade_off, eps):
    n = x.shape[0] or 1
    W = np.concatenate([u @ q for u, q in zip(U, w)], 1)
    z = x @ W
    e = z @ W.T - x
    loss = _log_cosh(z).sum() + trade_off / n * np.square(e).sum()
    g = np.tanh(z) + 2 * trade_off * (e @ W)
    dW = (x.T @ g + 2 * trade_off * (e.T @ z)) / n
    spans = []
    for q in w:
        at = spans[-1].stop if spans else 0
        spans.append(slice(at, at + q.shape[1]))
    return loss, [u.T @ dW[:, s] for u, s in zip(U, spans)]
