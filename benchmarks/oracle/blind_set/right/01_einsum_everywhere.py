"""Dense, low rank, second moment and moment reconstruction, all in einsum."""
import numpy as np
from functools import partial

es = partial(np.einsum, optimize=False)


def dense_forward(v, W, b):
    return es("ia,aj->ij", v, W) + b, (v, W)


def dense_backward(dy, cache):
    v, W = cache
    return es("ij,aj->ia", dy, W), es("ia,ij->aj", v, dy), es("ij->j", dy)


def lowrank_forward(v, U, w, b):
    return es("ik,kj->ij", es("ia,ak->ik", v, U), w) + b, (v, U, w)


def lowrank_backward(dy, cache):
    v, U, w = cache
    dh = es("ij,kj->ik", dy, w)
    return es("ik,ak->ia", dh, U), es("ia,ik->ak", v, dh), es("ik,ij->kj", es("ia,ak->ik", v, U), dy), es("ij->j", dy)


def second_moment_forward(v):
    return es("ia,ib->ab", v, v), v


def second_moment_backward(dy, v):
    return es("ib,ab->ia", v, dy) + es("ib,ba->ia", v, dy)


def moment_reconstruction_forward(S, W):
    A = es("aj,bj->ab", W, W) - np.eye(W.shape[0], dtype=W.dtype)
    return es("ab,ac,cb->", A, S, A), (S, W, A)


def moment_reconstruction_backward(dy, cache):
    S, W, A = cache
    SA = es("ac,cb->ab", S, A) + es("ca,cb->ab", S, A)
    return dy * es("ab,cb->ac", A, A), dy * (es("ab,bj->aj", SA, W) + es("ba,bj->aj", SA, W))
