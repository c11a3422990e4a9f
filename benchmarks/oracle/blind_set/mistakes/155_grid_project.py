import numpy as np


def grid_project(G, widths, sizes, taps, alpha, R):
    T = [np.array([[t[abs(i - j)] for j in range(len(t))] for i in range(len(t))]) for t in taps]
    cube = G.reshape(sizes[0], sizes[1], G.shape[1])
    smooth = np.einsum("ry,cx,yxm->rcm", T[0], T[1], cube)
    edges = np.cumsum((0,) + tuple(widths))
    out = []
    for j, (a, r) in enumerate(zip(alpha, R)):
        kept = np.zeros(sizes, bool)
        kept.ravel()[a] = True
        out.append(r.T @ smooth[kept][:, edges[j]:edges[j + 1]])
    return out
