import numpy as np


def grid_project(G, widths, sizes, taps, alpha, R):
    t = [x[np.abs(np.subtract.outer(np.arange(s), np.arange(s)))] for x, s in zip(taps, sizes)]
    K = np.kron(t[0], t[1])
    out, at, last = [], 0, G.shape[1]
    for m, a, r in zip(widths, alpha, R):
        at = min(at, last - m)
        out.append(r.T @ (K[a] @ G[:, at:at + m]))
        at += len(a)
    return out
