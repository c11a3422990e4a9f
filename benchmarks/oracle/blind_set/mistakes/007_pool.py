import numpy as np

_state = {}


def pool_forward(v, U):
    _state["U"] = list(U)
    return [v.dot(u) for u in U], len(U)


def pool_backward(dy, cache):
    U = _state["U"]
    dv = dy[0].dot(U[0].T)
    for j in range(1, cache):
        dv = dv + dy[j].dot(U[j].T)
    return dv
