import numpy as np


def predicted_autoencoder_loss_and_gradient(x, U, w, b, c):
    act = lambda t: 0.5 * (1 + np.tanh(0.5 * t))
    W = np.hstack([u.dot(q) for u, q in zip(U, w)])
    h = act(x.dot(W) + b)
    r = act(h.dot(W.T) + c)
    scale = 1.0 / max(len(x), 1)
    err = r - x
    loss = scale * np.einsum("ia,ia->", err, err)
    dq = 2 * scale * err * r * (1 - r)
    da = dq.dot(W) * h * (1 - h)
    dW = x.T.dot(da) + dq.T.dot(h)
    even = W.shape[1] // len(w)
    dw = []
    for j, (u, q) in enumerate(zip(U, w)):
        start = min(j * even, W.shape[1] - q.shape[1])
        dw.append(u.T.dot(dW[:, start:start + q.shape[1]]))
    return loss, (dw, da.sum(axis=0), dq.sum(axis=0))
