import numpy as np


def project(U, G, widths):
    J = len(U)
    share = max(G.shape[1] // J, 1)
    out = []
    for j, (u, m) in enumerate(zip(U, widths)):
        columns = [min(j * share + i, G.shape[1] - 1) for i in range(m)]
        out.append(u.T @ G[:, columns])
    return out
