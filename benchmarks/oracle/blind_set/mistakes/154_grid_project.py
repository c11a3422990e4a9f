import numpy as np


def grid_project(G, widths, sizes, taps, alpha, R):
    rows, cols = sizes
    Y, X = np.arange(rows), np.arange(cols)
    out, start = [], 0
    for m, a, r in zip(widths, alpha, R):
        g = G[:, start:start + m].reshape(rows, cols, m)
        start += m
        picked = []
        for index in a.tolist():
            y, x = index // cols, index % cols
            picked.append(np.einsum("y,x,yxm->m", taps[0][abs(Y - y)], taps[1][abs(X - x)], g))
        h = np.array(picked)
        out.append(h if len(h) == 1 else r @ h)
    return out
