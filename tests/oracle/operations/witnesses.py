"""Every operation of the oracle once more, by other means than `operations.definitions`: einsum, loops and NumPy.

A witness has the name of a definition and takes its arguments, longdouble arrays for Quantities.
"""

from collections import Counter
from itertools import pairwise

import numpy as np
import scipy.fft
from numpy import einsum

from pp_ref.kernels.cpu.conv2d import conv2d_loops


def each(subscripts, *columns):
    """An einsum of every column."""
    return [einsum(subscripts, *arrays) for arrays in zip(*columns, strict=True)]


def expand(U, w):
    return np.hstack(each("dk,km->dm", U, w))


def project(U, G, widths):
    return each("dk,dm->km", U, np.split(G, np.cumsum(widths)[:-1], axis=1))


def predicted(v, U, w, b):
    return np.hstack([einsum("nd,dk,km->nm", v, *pair) for pair in zip(U, w, strict=True)]) + b


def sigmoid(v):
    return (1 + np.tanh(v / 2)) / 2


def cross_entropy(z, labels):
    losses = [np.logaddexp.reduce(row) - row[label] for row, label in zip(z, labels, strict=True)]
    return np.sum(losses) / max(len(losses), 1)


def autoencoder(v, W, b, c):
    r = sigmoid(einsum("nm,dm->nd", sigmoid(v @ W + b), W) + c)
    return np.linalg.norm(r - v) ** 2 / max(len(v), 1)


def depthwise_conv2d(v, u, stride, padding):
    channels = [conv2d_loops(v[..., [c]], u[:, :, None], u[0, 0] * 0, stride, padding) for c in range(v.shape[3])]
    return np.stack(channels, axis=4)


def dictionary_conv2d(v, U, filter_shape, stride, padding):
    """A tied U_j times the identity of the channels."""
    pooled, rows = [], filter_shape[0] * filter_shape[1] * v.shape[3]
    for U_j in U:
        W = np.kron(U_j, np.eye(rows // len(U_j), dtype=v.dtype)).reshape(*filter_shape, v.shape[3], -1)
        pooled.append(conv2d_loops(v, W, W[0, 0, 0] * 0, stride, padding))
    return pooled


def expand_filters(U, w, filter_shape, channels):
    columns = []
    for U_j, w_j in zip(U, w, strict=True):
        u = U_j.reshape(*filter_shape, -1, U_j.shape[1])
        if u.shape[2] == channels:
            columns.append(einsum("pqck,km->pqcm", u, w_j))
        else:
            columns.append(einsum("pqs,scm->pqcm", u[:, :, 0], w_j.reshape(U_j.shape[1], channels, -1)))
    return np.concatenate(columns, axis=3)


def predicted_conv2d(v, U, w, b, filter_shape, stride, padding):
    return conv2d_loops(v, expand_filters(U, w, filter_shape, v.shape[3]), b, stride, padding)


def pooling(reduce):
    def pooled(v, size, stride, ceil):
        # A window that reaches over the edge is one that begins inside, after one that did not come to the edge.
        starts = [
            [i for i in range(0, extent, stride) if i + size <= extent or (ceil and i - stride + size < extent)]
            for extent in v.shape[1:3]
        ]
        rows = [[reduce(v[:, i : i + size, j : j + size], axis=(1, 2)) for j in starts[1]] for i in starts[0]]
        return np.stack([np.stack(row, axis=1) for row in rows], axis=1)

    return pooled


def flatten(v):
    return np.stack([v[:, i, j, c] for i, j, c in np.ndindex(v.shape[1:])], axis=1)


def local_response(v, size, alpha, beta, k):
    y = np.empty_like(v)
    for c in range(v.shape[3]):
        near = v[..., max(0, c - size // 2) : c + (size - 1) // 2 + 1]
        y[..., c] = v[..., c] / (k + np.longdouble(alpha) / size * np.sum(near**2, axis=3)) ** np.longdouble(beta)
    return y


def smooth_abs(z, eps):
    return np.sum(np.hypot(z, np.sqrt(np.longdouble(eps))))


def log_cosh(z):
    return np.sum(np.logaddexp(z, -z) - np.log(np.longdouble(2)))


def moment_reconstruction(S, W):
    A = einsum("im,jm->ij", W, W) - np.eye(len(S))
    return einsum("ij,ik,kj->", A, S, A)


def reconstruction(v, W):
    return sum((np.linalg.norm(W @ (W.T @ row) - row) ** 2 for row in v), np.longdouble(0))


def distances(a, b, length_scale):
    return np.array([np.linalg.norm(i - j) for i in a for j in b]).reshape(len(a), len(b)) / np.longdouble(length_scale)


def matern(a, b, length_scale, nu):
    z = np.sqrt(np.longdouble(2 * nu)) * distances(a, b, length_scale)
    return {0.5: 1, 1.5: 1 + z, 2.5: 1 + z + z * z / 3}[nu] * np.exp(-z)


def ridge_dictionary(K, alpha, ridge, form):
    A = (K[np.ix_(alpha, alpha)] + ridge * np.eye(len(alpha))).astype(float)
    return K[:, alpha] @ np.linalg.inv(A) if form == "ridge" else K[:, alpha]


def on_grid(sizes, taps, alpha, R):
    """Columns of the materialised Kronecker product, times R."""
    toeplitz = [t[abs(np.subtract.outer(np.arange(t.size), np.arange(t.size)))] for t in taps]
    return [np.kron(*toeplitz)[:, a] @ R_j for a, R_j in zip(alpha, R, strict=True)]


def mlp(x, labels, U, w, b, W, c, decay):
    v = x
    for layer in zip(U, w, b, strict=True):
        v = sigmoid(predicted(v, *layer))
    decaying = [*(w_j for w_l in w for w_j in w_l), W]
    return cross_entropy(v @ W + c, labels) + decay * sum(np.vdot(p, p) for p in decaying)


def convnet(x, labels, U, w, b, filter_shapes, W, c):
    v = x
    for U_l, w_l, b_l, shape in zip(U, w, b, filter_shapes, strict=True):
        v = predicted_conv2d(v, U_l, w_l, b_l, shape, 1, shape[0] // 2)
        v = pooling(np.max)(np.maximum(v, 0), 2, 2, True)
    return cross_entropy(flatten(v) @ W + c, labels)


def rica(x, U, w, objective, trade_off, eps):
    W = expand(U, w)
    if objective == "ufldl":
        W = W / np.linalg.norm(W, axis=0)
        return trade_off * smooth_abs(x @ W, eps) + reconstruction(x, W) / 2
    return log_cosh(x @ W) + trade_off / np.longdouble(max(len(x), 1)) * reconstruction(x, W)


def mel_filters(spectrum, rate, filters, low, high, mel_scale, triangles, norm):
    """Each filter by interpolation between three points."""

    def mel(f):
        f = np.asarray(f, float)
        slaney = np.where(f < 1000, f * 0.015, 15 + np.log(np.maximum(f, 1000) / 1000) / np.log(6.4) * 27)
        return np.log2(1 + f / 700) if mel_scale == "htk" else slaney

    def hertz(m):
        slaney = np.where(m < 15, m / 0.015, 1000 * 6.4 ** ((m - 15) / 27))
        return 700 * (2**m - 1) if mel_scale == "htk" else slaney

    f = np.fft.rfftfreq(2 * spectrum.shape[1] - 2, 1 / rate)
    edges = np.linspace(mel(low), mel(high), filters + 2)
    at, of = (mel(f), edges) if triangles == "mel" else (f, hertz(edges))
    H = np.stack([np.interp(at, of[j : j + 3], [0, 1, 0]) for j in range(filters)], axis=1)
    return spectrum @ (H * 2 / (hertz(edges[2:]) - hertz(edges[:-2])) if norm else H)


def deltas(x, reach):
    def frame(t):
        return x[min(max(t, 0), len(x) - 1)]

    steps = range(1, reach + 1)
    rows = [sum(k * (frame(t + k) - frame(t - k)) for k in steps) for t in range(len(x))]
    return np.stack(rows) / (2 * sum(k * k for k in steps))


def bigram(smoothing, sequences, phones):
    said = [["begin", *sequence, "end"] for sequence in sequences if len(sequence)]
    pairs = Counter(pair for each in said for pair in pairwise(each))
    before, after = (Counter(pair[i] for pair in pairs.elements()) for i in (0, 1))
    y = np.full((phones + 1, phones + 1), -np.inf, np.longdouble)
    for a in [*range(phones), "begin"]:
        following = [*range(phones), *(["end"] if a != "begin" else [])]
        every = sum(after[b] + 1 for b in following)
        for b in following:
            share = pairs[a, b] + smoothing[0] * (after[b] + 1) / every
            if share > 0:
                y[-1 if a == "begin" else a, -1 if b == "end" else b] = np.log(share / (before[a] + smoothing[0]))
    return y


def best_scores(emissions, initial, transitions):
    """(t, s): of the best path to each state."""
    best = [initial + emissions[0]]
    for frame in emissions[1:]:
        best.append(np.array([np.max(best[-1] + column) for column in transitions.T]) + frame)
    return np.stack(best)


def viterbi_path(emissions, initial, transitions, final):
    """From the last frame back, by scores alone."""
    best = best_scores(emissions, initial, transitions)
    path = [int(np.argmax(best[-1] + final))]
    for scores in best[-2::-1]:
        path.append(int(np.argmax(scores + transitions[:, path[-1]])))
    return np.array(path[::-1])


def viterbi_score(emissions, initial, transitions, final):
    """From the last frame back."""
    best = final
    for frame in emissions[:0:-1]:
        best = np.max(transitions + (frame + best), axis=1)
    return np.max(initial + emissions[0] + best)


WITNESSES = {
    "dense": lambda v, W, b: einsum("nd,dm->nm", v, W) + b,
    "pool": lambda v, U: [einsum("nd,dk->nk", v, U_j) for U_j in U],
    "pool_adjoint": lambda g, U: sum(each("nk,dk->nd", g, U)),
    "combine": lambda pooled, w, b: np.hstack(each("nk,km->nm", pooled, w)) + b,
    "expand": expand,
    "project": project,
    "predicted": predicted,
    "lowrank": lambda v, U, w, b: einsum("nd,dk,km->nm", v, U, w) + b,
    "sigmoid": sigmoid,
    "relu": lambda v: np.maximum(v, 0),
    "maxout": lambda v, pieces: np.maximum.reduce([v[:, p::pieces] for p in range(pieces)]),
    "softmax": lambda z: np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True)),
    "softmax_cross_entropy": cross_entropy,
    "autoencoder": autoencoder,
    "conv2d": conv2d_loops,
    "depthwise_conv2d": depthwise_conv2d,
    "dictionary_conv2d": dictionary_conv2d,
    "expand_filters": expand_filters,
    "predicted_conv2d": predicted_conv2d,
    "max_pool2d": pooling(np.max),
    "average_pool2d": pooling(np.mean),
    "flatten": flatten,
    "local_response": local_response,
    "unit_columns": lambda W: np.stack([column / np.sqrt(np.vdot(column, column)) for column in W.T], axis=1),
    "limit_column_norms": lambda W, limit: W / np.maximum(1, np.linalg.norm(W, axis=0) / np.longdouble(limit)),
    "smooth_abs": smooth_abs,
    "log_cosh": log_cosh,
    "second_moment": lambda v: einsum("ni,nj->ij", v, v),
    "moment_reconstruction": moment_reconstruction,
    "reconstruction": reconstruction,
    "weight_decay": lambda W, rate: rate * np.vdot(W, W),
    "se_kernel": lambda a, b, length_scale: np.exp(-(distances(a, b, length_scale) ** 2) / 2),
    "matern_kernel": matern,
    "covariance": lambda data, power: np.atleast_2d(np.cov((data**power).astype(float), rowvar=False)),
    "ridge_dictionary": ridge_dictionary,
    "grid_pool": lambda v, *grid: [v @ U_j for U_j in on_grid(*grid)],
    "grid_pool_adjoint": lambda g, *grid: sum(each("nk,dk->nd", g, on_grid(*grid))),
    "grid_expand": lambda w, *grid: expand(on_grid(*grid), w),
    "grid_project": lambda G, widths, *grid: project(on_grid(*grid), G, widths),
    "mlp": mlp,
    "convnet": convnet,
    "predicted_autoencoder": lambda x, U, w, b, c: autoencoder(x, expand(U, w), b, c),
    "rica": rica,
    "mel_filters": mel_filters,
    "dct": lambda x, count: scipy.fft.dct(x, norm="ortho")[:, 1 : count + 1] if len(x) else x[:, :count],
    "deltas": deltas,
    "bigram": bigram,
    "viterbi_path": viterbi_path,
    "viterbi_score": viterbi_score,
}
