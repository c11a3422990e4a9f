"""Classes whose bound methods are the functions."""
import numpy as np


class Columns:
    """J columns with their own dictionaries."""

    def spans(self, w):
        stops = np.cumsum([x.shape[1] for x in w])
        return [slice(stop - x.shape[1], stop) for stop, x in zip(stops, w)]


class _C(Columns):
    def forward(self, pooled, w, b):
        y = np.empty((pooled[0].shape[0], b.shape[0]), b.dtype)
        spans = self.spans(w)
        for p, x, s in zip(pooled, w, spans):
            np.matmul(p, x, out=y[:, s])
        y += b
        return y, (pooled, w, spans)

    def backward(self, dy, cache):
        pooled, w, spans = cache
        return [dy[:, s].dot(x.T) for x, s in zip(w, spans)], [p.T.dot(dy[:, s]) for p, s in zip(pooled, spans)], np.add.reduce(dy, axis=0)


class _E(Columns):
    def forward(self, U, w):
        return np.hstack([u.dot(x) for u, x in zip(U, w)]), (U, self.spans(w))

    def backward(self, dy, cache):
        return [u.T.dot(dy[:, s]) for u, s in zip(*cache)]


class _P(Columns):
    def forward(self, v, U):
        return [v.dot(u) for u in U], (v.shape, v.dtype, U)

    def backward(self, dy, cache):
        shape, dtype, U = cache
        dv = np.zeros(shape, dtype)
        for g, u in zip(dy, U):
            dv += g.dot(u.T)
        return dv


class _Whole:
    def __init__(self, expand):
        self.expand = expand

    def forward(self, v, U, w, b):
        W, inner = self.expand.forward(U, w)
        return v.dot(W) + b, (v, W, inner)

    def backward(self, dy, cache):
        v, W, inner = cache
        return dy.dot(W.T), self.expand.backward(v.T.dot(dy), inner), dy.sum(0)


_combine, _expand, _pool = _C(), _E(), _P()
_predicted = _Whole(_expand)
combine_forward, combine_backward = _combine.forward, _combine.backward
expand_forward, expand_backward = _expand.forward, _expand.backward
pool_forward, pool_backward = _pool.forward, _pool.backward
predicted_forward, predicted_backward = _predicted.forward, _predicted.backward
