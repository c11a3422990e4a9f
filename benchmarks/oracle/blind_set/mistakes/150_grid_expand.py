import numpy as np


def grid_expand(w, sizes, taps, alpha, R):
    T = [t[np.abs(np.arange(len(t))[:, None] - np.arange(len(t)))] for t in taps]
    K = np.einsum("yr,xc->yxrc", *T).reshape(sizes[0] * sizes[1], sizes[0] * sizes[1])
    return np.hstack([K[:, a] @ (np.diagonal(r)[:, None] * x) for x, a, r in zip(w, alpha, R)])
