import numpy as np


def squash(x):
    e = np.exp(-np.abs(x))
    return np.where(x > 0, 1, e) / (1 + e)


def _per_column(us, ws, G):
    at = 0
    for u, q in zip(us, ws):
        yield u.T.dot(G[:, at:at + q.shape[1]])
        at += q.shape[1]


def mlp_loss_and_gradient(x, labels, U, w, b, W, c, decay):
    n = len(x)
    layers = []
    h = x
    for us, ws, bias in zip(U, w, b):
        full = np.hstack([u.dot(q) for u, q in zip(us, ws)])
        out = squash(h.dot(full) + bias)
        layers.append((h, full, out, us, ws))
        h = out
    z = h.dot(W) + c
    z = z - z.max(axis=1)[:, None]
    logp = z - np.log(np.exp(z).sum(axis=1))[:, None]
    loss = -logp[np.arange(n), labels].sum() / max(n, 1)
    delta = np.exp(logp)
    delta[np.arange(n), labels] -= 1
    delta = delta / max(n, 1)
    dW, dc = h.T.dot(delta) + 2 * decay * W, delta.sum(0)
    delta = delta.dot(W.T) * h * (1 - h)
    dw, db = [], []
    for below, full, out, us, ws in layers[::-1]:
        dw.insert(0, [g + 2 * decay * q for g, q in zip(_per_column(us, ws, below.T.dot(delta)), ws)])
        db.insert(0, delta.sum(axis=0))
        delta = delta.dot(full.T)
    loss = loss + decay * (np.sum(W * W) + sum(np.sum(q * q) for ws in w for q in ws))
    return loss, (dw, db, dW, dc)
