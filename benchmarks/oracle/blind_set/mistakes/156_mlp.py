import numpy as np


def _s(x):
    return np.exp(-np.logaddexp(0, -x))


def mlp_loss_and_gradient(x, labels, U, w, b, W, c, decay):
    n, rows = max(len(x), 1), np.arange(len(x))
    hs, Ws = [x], []
    for us, ws, bb in zip(U, w, b):
        Ws.append(np.concatenate([u @ q for u, q in zip(us, ws)], 1))
        hs.append(_s(hs[-1] @ Ws[-1] + bb))
    z = hs[-1] @ W + c
    top = z.max(1, keepdims=True)
    lse = top + np.log(np.exp(z - top).sum(1, keepdims=True))
    loss = (lse[:, 0] - z[rows, labels]).sum() / n
    loss += decay * ((W ** 2).sum() + sum((q ** 2).sum() for ws in w for q in ws))
    g = np.exp(z - lse)
    g[rows, labels] -= 1
    g /= n
    dW, dc = hs[-1].T @ g + 2 * decay * W, g.sum(0)
    g = g @ W.T
    dw, db = [None] * len(w), [None] * len(w)
    for l in range(len(w) - 1, -1, -1):
        g = g * hs[l + 1] * (1 - hs[l + 1])
        full = hs[l].T @ g
        cuts = np.cumsum([q.shape[1] for q in w[l]])[:-1]
        dw[l] = [u.T @ part for u, part in zip(U[l], np.split(full, cuts, axis=1))]
        db[l] = g.sum(0)
        g = g @ Ws[l].T
    return loss, (dw, db, dW, dc)
