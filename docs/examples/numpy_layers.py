"""Layers in NumPy, as anybody might write them: forward and backward passes by hand.

pp-ref conform docs/examples/numpy_layers.py
"""

import math

import numpy as np

ARRAYS = "numpy"
ARITHMETIC = "float64"


def dense_forward(v, W, b):
    return v @ W + b, (v, W)


def dense_backward(dy, cache):
    v, W = cache
    return dy @ W.T, v.T @ dy, dy.sum(axis=0)


def pool_forward(v, U):
    return [v @ U_j for U_j in U], U


def pool_backward(dy, U):
    return pool_adjoint(dy, U)


def pool_adjoint(g, U):
    return sum(g_j @ U_j.T for g_j, U_j in zip(g, U, strict=True))


def combine_forward(pooled, w, b):
    return np.concatenate([p @ w_j for p, w_j in zip(pooled, w, strict=True)], axis=1) + b, (pooled, w)


def combine_backward(dy, cache):
    pooled, w = cache
    parts = np.split(dy, np.cumsum([w_j.shape[1] for w_j in w])[:-1], axis=1)
    dpooled = [dy_j @ w_j.T for dy_j, w_j in zip(parts, w, strict=True)]
    return dpooled, [p.T @ dy_j for p, dy_j in zip(pooled, parts, strict=True)], dy.sum(axis=0)


def expand_forward(U, w):
    return np.concatenate([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)], axis=1), (U, [w_j.shape[1] for w_j in w])


def expand_backward(dW, cache):
    U, widths = cache
    return project(U, dW, widths)


def project(U, G, widths):
    return [U_j.T @ G_j for U_j, G_j in zip(U, np.split(G, np.cumsum(widths)[:-1], axis=1), strict=True)]


def predicted_forward(v, U, w, b):
    pooled, _ = pool_forward(v, U)
    y, cache = combine_forward(pooled, w, b)
    return y, (U, cache)


def predicted_backward(dy, cache):
    U, combined = cache
    dpooled, dw, db = combine_backward(dy, combined)
    return pool_backward(dpooled, U), dw, db


def lowrank_forward(v, U, w, b):
    pooled = v @ U
    return pooled @ w + b, (v, U, w, pooled)


def lowrank_backward(dy, cache):
    v, U, w, pooled = cache
    dpooled = dy @ w.T
    return dpooled @ U.T, v.T @ dpooled, pooled.T @ dy, dy.sum(axis=0)


def sigmoid_forward(v):
    e = np.exp(-abs(v))
    y = np.where(v >= 0, 1, e) / (1 + e)
    return y, y


def sigmoid_backward(dy, y):
    return dy * y * (1 - y)


def relu_forward(v):
    return np.maximum(v, 0), v > 0


def relu_backward(dy, positive):
    return dy * positive


def maxout_forward(v, pieces):
    v = v.reshape(len(v), v.shape[1] // pieces, pieces)
    first = v.argmax(axis=2)[..., None]
    return np.take_along_axis(v, first, axis=2)[..., 0], (v.shape, first)


def maxout_backward(dy, cache):
    shape, first = cache
    dv = np.zeros(shape, dy.dtype)
    np.put_along_axis(dv, first, dy[..., None], axis=2)
    return dv.reshape(len(dv), shape[1] * shape[2])


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_cross_entropy_forward(z, labels):
    n = max(len(z), 1)
    shifted = z - z.max(axis=1, keepdims=True)
    own = shifted[np.arange(len(z)), labels]
    return (np.log(np.exp(shifted).sum(axis=1)) - own).sum() / n, (z, labels, n)


def softmax_cross_entropy_backward(dloss, cache):
    z, labels, n = cache
    dz = softmax(z)
    dz[np.arange(len(z)), labels] -= 1
    return dloss * dz / n


def autoencoder_forward(v, W, b, c):
    h, _ = sigmoid_forward(v @ W + b)
    r, _ = sigmoid_forward(h @ W.T + c)
    return ((r - v) ** 2).sum() / max(len(v), 1), (v, W, h, r)


def autoencoder_backward(dloss, cache):
    v, W, h, r = cache
    error = 2 * dloss * (r - v) / max(len(v), 1)
    dz = sigmoid_backward(error, r)
    dh = sigmoid_backward(dz @ W, h)
    return dh @ W.T - error, v.T @ dh + dz.T @ h, dh.sum(axis=0), dz.sum(axis=0)


def conv2d_forward(v, W, b, stride, padding):
    height, width = W.shape[:2]
    padded = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))[:, ::stride, ::stride]
    return np.tensordot(patches, W, axes=((4, 5, 3), (0, 1, 2))) + b, (v.shape, patches, W, stride, padding)


def conv2d_backward(dy, cache):
    (n, h, w, channels), patches, W, stride, padding = cache
    dv = np.zeros((n, h + 2 * padding, w + 2 * padding, channels), dy.dtype)
    _, rows, columns, _ = dy.shape
    for p, q in np.ndindex(*W.shape[:2]):
        dv[:, p : p + stride * rows : stride, q : q + stride * columns : stride] += dy @ W[p, q].T
    dW = np.tensordot(patches, dy, axes=((0, 1, 2), (0, 1, 2))).transpose(1, 2, 0, 3)
    return dv[:, padding : padding + h, padding : padding + w], dW, dy.sum(axis=(0, 1, 2))


def flatten_forward(v):
    return v.reshape(len(v), np.prod(v.shape[1:])), v.shape


def flatten_backward(dy, shape):
    return dy.reshape(shape)


def unit_columns_forward(W):
    norms = np.sqrt((W * W).sum(axis=0))
    return W / norms, (W / norms, norms)


def unit_columns_backward(dy, cache):
    y, norms = cache
    return (dy - y * (y * dy).sum(axis=0)) / norms


def smooth_abs_forward(z, eps):
    roots = np.sqrt(z * z + eps)
    return roots.sum(), (z, roots)


def smooth_abs_backward(dloss, cache):
    z, roots = cache
    return dloss * z / roots


def log_cosh_forward(z):
    size = abs(z)
    return (size + np.log1p(np.exp(-2 * size)) - math.log(2)).sum(), z


def log_cosh_backward(dloss, z):
    return dloss * np.tanh(z)


def second_moment_forward(v):
    return v.T @ v, v


def second_moment_backward(dS, v):
    return v @ (dS + dS.T)


def reconstruction_forward(v, W):
    z = v @ W
    error = z @ W.T - v
    return (error * error).sum(), (v, W, z, error)


def reconstruction_backward(dloss, cache):
    v, W, z, error = cache
    dr = 2 * dloss * error
    dz = dr @ W
    return dz @ W.T - dr, v.T @ dz + dr.T @ z


def weight_decay_forward(W, rate):
    return rate * (W * W).sum(), (W, rate)


def weight_decay_backward(dloss, cache):
    W, rate = cache
    return 2 * dloss * rate * W


def se_kernel(a, b, length_scale):
    gap = a[:, None] - b[None]
    return np.exp(-0.5 * (gap**2).sum(axis=2) / length_scale**2)


def covariance(data, power):
    centred = data**power - (data**power).mean(axis=0)
    return centred.T @ centred / (len(data) - 1)


def ridge_dictionary(K, alpha, ridge, form):
    atoms = K[:, alpha]
    if form == "atom":
        return atoms
    A = atoms[alpha] + ridge * np.eye(len(alpha), dtype=K.dtype)
    return np.linalg.solve(A, atoms.T).T


def mlp_loss_and_gradient(x, labels, U, w, b, W, c, decay):
    h, caches = x, []
    for U_l, w_l, b_l in zip(U, w, b, strict=True):
        y, layer = predicted_forward(h, U_l, w_l, b_l)
        h, unit = sigmoid_forward(y)
        caches.append((layer, unit))
    z, top = dense_forward(h, W, c)
    loss, cache = softmax_cross_entropy_forward(z, labels)
    dh, dW, dc = dense_backward(softmax_cross_entropy_backward(1.0, cache), top)
    dw, db = [], []
    for layer, unit in reversed(caches):
        dh, dw_l, db_l = predicted_backward(sigmoid_backward(dh, unit), layer)
        dw.insert(0, dw_l)
        db.insert(0, db_l)
    for weights, dweights in zip([[W], *w], [[dW], *dw], strict=True):
        for weight, dweight in zip(weights, dweights, strict=True):
            loss = loss + decay * (weight * weight).sum()
            dweight += 2 * decay * weight
    return loss, (dw, db, dW, dc)
