import numpy as np

_workspace = {}


def _space(n, k, j, dtype):
    key = (n, k, j, np.dtype(dtype).str)
    if key not in _workspace:
        _workspace[key] = np.zeros((n, k), dtype)
    return _workspace[key]


def pool_forward(v, U):
    y = []
    for j, u in enumerate(U):
        out = _space(v.shape[0], u.shape[1], j, v.dtype)
        np.dot(v, u, out=out)
        y.append(out[:])
    return y, U


def pool_backward(dy, U):
    return np.hstack(dy) @ np.hstack(U).T
