import numpy as np
from itertools import product


def _layer(h, depth, nets, last):
    "Loss and gradients from this layer up; the gradient of h comes first."
    if depth == len(nets):
        return last(h)
    us, ws, bias, (p, q) = nets[depth]
    n, rows, cols, c = h.shape
    pad = p // 2
    mats = [u if len(u) == p * q * c else np.kron(u, np.eye(c)) for u in us]
    F = np.hstack([u @ x for u, x in zip(mats, ws)]).reshape(p, q, c, len(bias))
    big = np.zeros((n, rows + 2 * pad, cols + 2 * pad, c))
    big[:, pad:pad + rows, pad:pad + cols] = h
    R, T = rows + 2 * pad - p + 1, cols + 2 * pad - q + 1
    a = np.zeros((n, R, T, len(bias))) + bias
    for i, j in product(range(p), range(q)):
        a += big[:, i:i + R, j:j + T] @ F[i, j]
    top = np.zeros((n, -(-R // 2), -(-T // 2), len(bias)))
    for r, t in product(range(top.shape[1]), range(top.shape[2])):
        top[:, r, t] = a[:, 2 * r:2 * r + 2, 2 * t:2 * t + 2].max(axis=(1, 2))
    on = ~(top <= 0)
    loss, g, dw, db, dW, dc = _layer(np.where(on, top, 0), depth + 1, nets, last)
    g = g * on
    da = np.zeros_like(a)
    free = np.ones(top.shape, bool)
    for i, j in product(range(2), range(2)):
        part = a[:, i::2, j::2]
        where = np.s_[:, :part.shape[1], :part.shape[2]]
        first = free[where] & (part == top[where])
        da[:, i::2, j::2] = np.where(first, g[where], 0)
        free[where] &= ~first
    dbig, dF = np.zeros_like(big), np.zeros_like(F)
    for i, j in product(range(p), range(q)):
        dbig[:, i:i + R, j:j + T] += da @ F[i, j].T
        dF[i, j] = np.einsum("nrta,nrtu->au", big[:, i:i + R, j:j + T], da)
    cuts = np.cumsum([x.shape[1] for x in ws])[:-1]
    mine = [u.T @ d for u, d in zip(mats, np.split(dF.reshape(p * q * c, len(bias)), cuts, axis=1))]
    return loss, dbig[:, pad:pad + rows, pad:pad + cols], [mine] + dw, [da.mean(axis=(1, 2)).sum(axis=0)] + db, dW, dc


def convnet_loss_and_gradient(x, labels, U, w, b, filter_shapes, W, c):
    n = len(x)

    def _last(h):
        f = h.reshape(n, h.shape[1] * h.shape[2] * h.shape[3])
        z = f @ W + c
        z = z - z.max(axis=1, keepdims=True)
        lse = np.log(np.exp(z).sum(axis=1))
        i = np.arange(n)
        g = np.exp(z - lse[:, None])
        g[i, labels] -= 1
        g /= max(n, 1)
        return (lse - z[i, labels]).sum() / max(n, 1), (g @ W.T).reshape(h.shape), [], [], f.T @ g, g.sum(0)

    loss, _, dw, db, dW, dc = _layer(x, 0, list(zip(U, w, b, filter_shapes)), _last)
    return loss, (dw, db, dW, dc)
