import numpy as np


class _Error:
    def __call__(self, v, W):
        z = v.dot(W)
        error = z.dot(W.T) - v
        return 0.5 * np.sum(error ** 2), dict(v=v, W=W, z=z, error=error)

    def grad(self, dy, c):
        g = dy * c["error"]
        gz = g.dot(c["W"])
        return gz.dot(c["W"].T) - g, c["v"].T.dot(gz) + g.T.dot(c["z"])


reconstruction_forward = _Error()
reconstruction_backward = reconstruction_forward.grad
