import numpy as np


def grid_expand(w, sizes, taps, alpha, R):
    rows, cols = sizes
    py, px = np.divmod(np.arange(rows * cols), cols)
    parts = []
    for x, a, r in zip(w, alpha, R):
        qy, qx = np.divmod(a, cols)
        U = taps[0][np.abs(py[:, None] - qy)] * taps[1][np.abs(px[:, None] - qx)]
        parts.append(U @ np.linalg.solve(r, x))
    return np.concatenate(parts, axis=1)
