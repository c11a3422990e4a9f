import numpy as np

_known = {}


def _covariances(sizes, taps):
    if sizes not in _known:
        pair = []
        for extent, t in zip(sizes, taps):
            i = np.arange(extent)
            pair.append(t[np.abs(i[:, None] - i[None, :])])
        _known[sizes] = np.kron(*pair)
    return _known[sizes]


def grid_project(G, widths, sizes, taps, alpha, R):
    K = _covariances(tuple(sizes), taps)
    cuts = np.cumsum(widths)[:-1]
    return [r.T @ (K[:, a].T @ g) for g, a, r in zip(np.split(G, cuts, axis=1), alpha, R)]
