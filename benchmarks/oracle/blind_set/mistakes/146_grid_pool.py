import numpy as np


def _row(index, sizes, taps):
    """Row of K for one kept pixel."""
    y, x = divmod(int(index), sizes[1])
    ty = taps[0][np.abs(np.arange(sizes[0]) - y)]
    tx = taps[1][np.abs(np.arange(sizes[1]) - x)]
    return np.outer(ty, tx).ravel()


def grid_pool(v, sizes, taps, alpha, R):
    d = sizes[0] * sizes[1]
    out = []
    for a, r in zip(alpha, R):
        small = a.astype(np.int8)
        rows = np.stack([_row(int(i) % d, sizes, taps) for i in small])
        out.append(v @ rows.T @ r)
    return out
