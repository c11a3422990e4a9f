import numpy as np


class _Shelf(dict):
    def of(self, u):
        return self.setdefault(u.shape, u)


def expand_forward(U, w):
    shelf = _Shelf()
    used = [shelf.of(u) for u in U]
    return np.concatenate([np.matmul(u, x) for u, x in zip(used, w)], axis=1), (used, [x.shape[1] for x in w])


def expand_backward(dy, cache):
    used, widths = cache
    start, out = 0, []
    for u, m in zip(used, widths):
        out.append(np.matmul(u.T, dy[:, start:start + m]))
        start += m
    return out
