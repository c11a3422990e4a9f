import numpy as np


def _expand(U, w, shape, c):
    h, wd = shape
    parts = []
    for u, x in zip(U, w):
        if u.shape[0] != h * wd * c:
            u = np.kron(u, np.eye(c))
        parts.append((u, u @ x))
    return [u for u, _ in parts], np.concatenate([f for _, f in parts], 1)


def _conv(x, W, shape, pad):
    h, wd = shape
    n, c = x.shape[0], x.shape[3]
    lead = (h - 1) // 2
    lead = min(lead, pad)
    sides = (lead, 2 * pad - lead)
    xp = np.pad(x, ((0, 0), sides, sides, (0, 0)))
    ro, co = xp.shape[1] - h + 1, xp.shape[2] - wd + 1
    P = np.stack([xp[:, p:p + ro, q:q + co] for p in range(h) for q in range(wd)], 3).reshape(n, ro, co, h * wd * c)
    return P, P @ W, xp.shape


def _conv_back(g, W, shape, pad, xp, x):
    h, wd = shape
    dP = (g @ W.T).reshape(g.shape[:3] + (h * wd, x.shape[3]))
    out = np.zeros(xp)
    for i in range(h * wd):
        p, q = divmod(i, wd)
        out[:, p:p + g.shape[1], q:q + g.shape[2]] += dP[:, :, :, i]
    lead = min((h - 1) // 2, pad)
    return out[:, lead:lead + x.shape[1], lead:lead + x.shape[2]]


def _pool(r):
    n, h, w, c = r.shape
    ro, co = (h + 1) // 2, (w + 1) // 2
    big = np.full((n, 2 * ro, 2 * co, c), -np.inf)
    big[:, :h, :w] = r
    blocks = big.reshape(n, ro, 2, co, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(n, ro, co, c, 4)
    return blocks.max(-1), blocks


def _pool_back(g, blocks, shape):
    first = blocks.argmax(-1) if blocks.size else np.zeros(blocks.shape[:-1], int)
    hit = (first[..., None] == np.arange(4)) * g[..., None]
    n, ro, co, c, _ = hit.shape
    big = hit.reshape(n, ro, co, c, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(n, 2 * ro, 2 * co, c)
    return big[:, :shape[1], :shape[2]]


def convnet_loss_and_gradient(x, labels, U, w, b, filter_shapes, W, c):
    n = x.shape[0]
    h, tape = x, []
    for us, ws, bias, shape in zip(U, w, b, filter_shapes):
        pad = shape[0] // 2
        full, F = _expand(us, ws, shape, h.shape[3])
        P, y, xp = _conv(h, F, shape, pad)
        y = y + bias
        r = np.maximum(y, 0)
        m, blocks = _pool(r)
        tape.append((h, full, F, P, xp, shape, pad, y, blocks, ws))
        h = m
    f = h.reshape(n, h.shape[1] * h.shape[2] * h.shape[3])
    z = f @ W + c
    z = z - z.max(1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(1, keepdims=True))
    loss = -logp[np.arange(n), labels].sum() / max(n, 1)
    g = np.exp(logp)
    g[np.arange(n), labels] -= 1
    g /= max(n, 1)
    dW, dc = f.T @ g, g.sum(0)
    g = (g @ W.T).reshape(h.shape)
    dw, db = [], []
    for x0, full, F, P, xp, shape, pad, y, blocks, ws in tape[::-1]:
        g = _pool_back(g, blocks, y.shape) * (y > 0)
        db.append(g.sum((0, 1, 2)))
        dF = np.tensordot(P, g, ((0, 1, 2), (0, 1, 2)))
        at, gw = 0, []
        for u, q in zip(full, ws):
            gw.append(u.T @ dF[:, at:at + q.shape[1]])
            at += q.shape[1]
        dw.append(gw)
        g = _conv_back(g, F, shape, pad, xp, x0)
    return loss, (dw[::-1], db[::-1], dW, dc)
