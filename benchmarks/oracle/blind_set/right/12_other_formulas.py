"""Equivalent formulas that look different."""
import numpy as np


def moment_reconstruction_forward(S, W):
    # tr(A^T S A) = sum of S * (A A^T)
    A = W @ W.T
    A[np.diag_indices(len(A))] -= 1
    AA = A @ A
    return np.vdot(S, AA), (S, W, A, AA)


def moment_reconstruction_backward(dy, cache):
    S, W, A, AA = cache
    T = S + S.T
    TA = T @ A
    return AA * dy, dy * (TA @ W + A @ (T @ W))


def limit_column_norms(W, limit):
    length = np.sqrt(np.square(W).sum(axis=0))
    long = np.flatnonzero(length > limit)
    y = W.copy()
    y[:, long] *= limit / length[long]
    return y


def matern_kernel(a, b, length_scale, nu):
    r2 = sum((np.subtract.outer(a[:, k], b[:, k]) / length_scale) ** 2 for k in range(a.shape[1]))
    t = np.sqrt(2 * nu * r2)
    poly = {0.5: [1], 1.5: [1, 1], 2.5: [1, 1, 1 / 3]}[nu]
    total = np.zeros_like(t)
    for coefficient in reversed(poly):
        total = total * t + coefficient
    return total * np.exp(-t)


def maxout_forward(v, pieces):
    parts = [v[:, p::pieces] for p in range(pieces)]
    best = parts[0].copy()
    for p in parts[1:]:
        best = np.maximum(best, p)
    return best, (v, pieces, best.copy())


def maxout_backward(dy, cache):
    v, pieces, best = cache
    dv = np.zeros(v.shape, v.dtype)
    taken = np.zeros(best.shape, bool)
    for p in range(pieces):
        first = (v[:, p::pieces] == best) & ~taken
        dv[:, p::pieces][first] = dy[first]
        taken |= first
    return dv
