import numpy as np


def pool_forward(v, U):
    out = []
    for u in U:
        out.append(np.matmul(v, u))
    return out, U


def pool_backward(dy, U):
    dv = None
    for j in range(len(U)):
        dv = np.matmul(dy[j], U[j].T)
    return dv
