import numpy as np


class Rica:
    def __init__(self, U, w):
        self.U, self.w = U, w
        self.W = np.concatenate([u @ q for u, q in zip(U, w)], axis=1)
        self.length = np.linalg.norm(self.W, axis=0)
        self.H = self.W / self.length

    def sparsity(self, z, eps):
        s = np.sqrt(z * z + eps)
        return s.sum(), z / s

    def reconstruction(self, x, z):
        e = z @ self.H.T - x
        return 0.5 * np.sum(e * e), e

    def through(self, dH):
        dW = (dH - self.H * (self.H * dH).sum(0)) / self.length
        at = 0
        for u, q in zip(self.U, self.w):
            yield u.T @ dW[:, at:at + q.shape[1]]
            at += q.shape[1]


def rica_ufldl_loss_and_gradient(x, U, w, objective, trade_off, eps):
    model = Rica(U, w)
    z = x @ model.H
    s, ds = model.sparsity(z, eps)
    r, e = model.reconstruction(x, z)
    dH = x.T @ ds + trade_off * (x.T @ (e @ model.H) + e.T @ z)
    return s + trade_off * r, list(model.through(dH))
