"""Products of columns added as a tree."""
import numpy as np


def _tree(terms):
    terms = list(terms)
    while len(terms) > 1:
        pairs = [a + b for a, b in zip(terms[::2], terms[1::2])]
        if len(terms) % 2:
            pairs.append(terms[-1])
        terms = pairs
    return terms[0]


def _cut(G, U_like):
    out, at = [], 0
    for width in U_like:
        out.append(G[:, at:at + width])
        at += width
    return out


def predicted_forward(v, U, w, b):
    pooled = [v @ u for u in U]
    return np.concatenate([p @ x for p, x in zip(pooled, w)], axis=1) + b[None, :], (U, w, pooled)


def predicted_backward(dy, cache):
    U, w, pooled = cache
    parts = _cut(dy, [x.shape[1] for x in w])
    dv = _tree((g @ x.T) @ u.T for g, x, u in zip(parts, w, U))
    return dv, [p.T @ g for p, g in zip(pooled, parts)], dy.sum(axis=0)


def pool_forward(v, U):
    return list(map(v.__matmul__, U)), U


def pool_backward(dy, U):
    return _tree(g @ u.T for g, u in zip(dy, U))


def rica_ufldl_loss_and_gradient(x, U, w, objective, trade_off, eps):
    W = np.concatenate([u @ q for u, q in zip(U, w)], axis=1)
    length = np.linalg.norm(W, axis=0)
    H = W / length
    z = x @ H
    q = np.sqrt(z ** 2 + eps)
    e = z @ H.T - x
    loss = trade_off * q.sum() + 0.5 * (e ** 2).sum()
    dH = x.T @ (trade_off * z / q) + x.T @ (e @ H) + e.T @ z
    dW = (dH - H * (H * dH).sum(axis=0)) / length
    return loss, [u.T @ g for u, g in zip(U, _cut(dW, [q.shape[1] for q in w]))]
