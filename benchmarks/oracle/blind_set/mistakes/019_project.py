import numpy as np


def project(U, G, widths):
    offsets = np.concatenate([[0], np.cumsum(sorted(widths))])
    G = np.concatenate([G, np.zeros_like(G)], axis=1)
    return [np.matmul(np.transpose(u), G[:, o:o + m]) for u, o, m in zip(U, offsets, widths)]
