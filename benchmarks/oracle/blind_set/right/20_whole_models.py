"""Two models from small parts, each part a pair."""
import numpy as np


def _s(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _mm(U, w):
    return np.hstack([u @ x for u, x in zip(U, w)])


def _split(U, w, dW):
    edges = np.cumsum([x.shape[1] for x in w])[:-1]
    return [u.T @ g for u, g in zip(U, np.split(dW, edges, axis=1))]


def predicted_autoencoder_loss_and_gradient(x, U, w, b, c):
    n = max(x.shape[0], 1)
    W = _mm(U, w)
    h = _s(x @ W + b)
    r = _s(h @ W.T + c)
    delta = (r - x) * r * (1 - r) * (2 / n)
    eps = delta @ W * h * (1 - h)
    return np.square(r - x).sum() / n, (_split(U, w, x.T @ eps + delta.T @ h), eps.sum(0), delta.sum(0))


def mlp_loss_and_gradient(x, labels, U, w, b, W, c, decay):
    n = len(x)
    acts = [x]
    full = []
    for us, ws, bias in zip(U, w, b):
        full.append(_mm(us, ws))
        acts.append(_s(acts[-1] @ full[-1] + bias))
    z = acts[-1] @ W + c
    z = z - z.max(axis=1, keepdims=True) if n else z
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    loss = -logp[np.arange(n), labels].sum() / max(n, 1)
    delta = np.exp(logp)
    delta[np.arange(n), labels] -= 1
    delta /= max(n, 1)
    dW, dc = acts[-1].T @ delta + 2 * decay * W, delta.sum(0)
    delta = delta @ W.T
    dw, db = [], []
    for layer in reversed(range(len(full))):
        h = acts[layer + 1]
        delta = delta * h * (1 - h)
        dw.append([g + 2 * decay * q for g, q in zip(_split(U[layer], w[layer], acts[layer].T @ delta), w[layer])])
        db.append(delta.sum(0))
        delta = delta @ full[layer].T
    loss = loss + decay * (np.sum(W * W) + sum(np.sum(q * q) for layer in w for q in layer))
    return loss, (dw[::-1], db[::-1], dW, dc)


def rica_le2011_loss_and_gradient(x, U, w, objective, trade_off, eps):
    W = _mm(U, w)
    z = x @ W
    e = z @ W.T - x
    rate = trade_off / max(len(x), 1)
    loss = np.sum(np.abs(z) + np.log1p(np.exp(-2 * np.abs(z))) - np.log(2.0)) + rate * np.sum(e * e)
    dz = np.tanh(z) + 2 * rate * (e @ W)
    return loss, _split(U, w, x.T @ dz + 2 * rate * (e.T @ z))
