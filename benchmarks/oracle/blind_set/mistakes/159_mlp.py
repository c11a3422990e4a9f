import numpy as np


def _zeros(t):
    return [_zeros(q) for q in t] if isinstance(t, list) else np.zeros_like(t)


def mlp_loss_and_gradient(x, labels, U, w, b, W, c, decay):
    n = x.shape[0]
    if n == 0:
        return 0.0, (_zeros(w), _zeros(b), np.zeros_like(W), np.zeros_like(c))
    s = lambda a: np.where(a < 0, np.exp(-np.abs(a)), 1) / (1 + np.exp(-np.abs(a)))
    H = [x]
    for us, ws, bias in zip(U, w, b):
        H.append(s(np.concatenate([H[-1] @ (u @ q) for u, q in zip(us, ws)], 1) + bias))
    z = H[-1] @ W + c
    m = z.max(1)
    p = np.exp(z - m[:, None])
    t = p.sum(1)
    loss = np.mean(np.log(t) + m - z[np.arange(n), labels])
    p /= t[:, None]
    p[np.arange(n), labels] -= 1
    p /= n
    grads_w, grads_b = [], []
    back = p @ W.T
    for l in reversed(range(len(U))):
        back = back * H[l + 1] * (1 - H[l + 1])
        at, gw, down = 0, [], 0
        for u, q in zip(U[l], w[l]):
            part = back[:, at:at + q.shape[1]]
            at += q.shape[1]
            gw.append((H[l] @ u).T @ part + 2 * decay * q)
            down = down + (part @ q.T) @ u.T
        grads_w.append(gw)
        grads_b.append(back.sum(0))
        back = down
    penalty = np.sum(W ** 2) + sum(np.sum(q ** 2) for ws in w for q in ws)
    return loss + decay * penalty, (grads_w[::-1], grads_b[::-1], H[-1].T @ p + 2 * decay * W, p.sum(0))
