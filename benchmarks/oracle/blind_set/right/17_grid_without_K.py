"""The grid's Kronecker product is never formed."""
import numpy as np


def _toeplitz(t):
    lag = np.abs(np.arange(len(t))[:, None] - np.arange(len(t))[None, :])
    return t[lag]


def _apply(x, sizes, taps):
    """x K for rows x of the grid."""
    rows, cols = sizes
    cube = x.reshape(x.shape[0], rows, cols)
    return np.einsum("nyx,yr,xc->nrc", cube, _toeplitz(taps[0]), _toeplitz(taps[1]), optimize=True).reshape(x.shape[0], rows * cols)


def grid_pool(v, sizes, taps, alpha, R):
    smooth = _apply(v, sizes, taps)
    return [smooth[:, a] @ r for a, r in zip(alpha, R)]


def grid_pool_adjoint(g, sizes, taps, alpha, R):
    sparse = np.zeros((g[0].shape[0], sizes[0] * sizes[1]), g[0].dtype)
    for x, a, r in zip(g, alpha, R):
        sparse[:, a] += x @ r.T
    return _apply(sparse, sizes, taps)


def grid_expand(w, sizes, taps, alpha, R):
    done = []
    for x, a, r in zip(w, alpha, R):
        sparse = np.zeros((x.shape[1], sizes[0] * sizes[1]), x.dtype)
        sparse[:, a] = (r @ x).T
        done.append(_apply(sparse, sizes, taps).T)
    return np.concatenate(done, 1)


def grid_project(G, widths, sizes, taps, alpha, R):
    smooth = _apply(np.ascontiguousarray(G.T), sizes, taps)
    out, at = [], 0
    for width, a, r in zip(widths, alpha, R):
        out.append(r.T @ smooth[at:at + width][:, a].T)
        at += width
    return out
