"""What shorter descriptions left open, written from docs/operations.md alone: loops, and gradients by hand."""

import math

import numpy as np


def image_windows(extent, size, stride, ceil):
    """The starts of windows along an axis."""
    if ceil:
        count = math.ceil((extent - size) / stride) + 1
        count -= (count - 1) * stride >= extent
    else:
        count = (extent - size) // stride + 1
    return [i * stride for i in range(max(count, 0))]


def pooled(v, size, stride, ceil):
    """Every window: its place in y, and its slices of v."""
    rows, columns = (image_windows(extent, size, stride, ceil) for extent in v.shape[1:3])
    shape = (len(v), len(rows), len(columns), v.shape[3])
    places = [
        ((r, t), (slice(None), slice(i, i + size), slice(j, j + size)))
        for r, i in enumerate(rows)
        for t, j in enumerate(columns)
    ]
    return shape, places


def max_pool2d_forward(v, size, stride, ceil):
    shape, places = pooled(v, size, stride, ceil)
    y, winners = np.empty(shape, v.dtype), {}
    for (r, t), window in places:
        seen = v[window]
        flat = seen.reshape(len(v), seen.shape[1] * seen.shape[2], shape[3])
        winners[r, t] = flat.argmax(axis=1)
        y[:, r, t] = flat.max(axis=1)
    return y, (v.shape, places, winners)


def max_pool2d_backward(dy, cache):
    shape, places, winners = cache
    dv = np.zeros(shape, dy.dtype)
    for (r, t), window in places:
        part = dv[window]
        for i, a in np.ndindex(shape[0], shape[3]):
            p, q = divmod(winners[r, t][i, a], part.shape[2])
            part[i, p, q, a] += dy[i, r, t, a]
    return dv


def average_pool2d_forward(v, size, stride, ceil):
    shape, places = pooled(v, size, stride, ceil)
    y = np.empty(shape, v.dtype)
    for (r, t), window in places:
        seen = v[window]
        y[:, r, t] = seen.sum(axis=(1, 2)) / (seen.shape[1] * seen.shape[2])
    return y, (v.shape, places)


def average_pool2d_backward(dy, cache):
    shape, places = cache
    dv = np.zeros(shape, dy.dtype)
    for (r, t), window in places:
        part = dv[window]
        part += dy[:, r, t][:, None, None] / (part.shape[1] * part.shape[2])
    return dv


def depthwise_conv2d_forward(v, u, stride, padding):
    n, rows, columns, c = v.shape
    height, width, filters = u.shape
    padded = np.zeros((n, rows + 2 * padding, columns + 2 * padding, c), v.dtype)
    padded[:, padding : padding + rows, padding : padding + columns] = v
    out = [(x + 2 * padding - f) // stride + 1 for x, f in ((rows, height), (columns, width))]
    y = np.zeros((n, *out, filters, c), v.dtype)
    for r, t, p, q, f in np.ndindex(*out, height, width, filters):
        y[:, r, t, f] += padded[:, stride * r + p, stride * t + q] * u[p, q, f]
    return y, (v.shape, u, stride, padding)


def depthwise_conv2d_backward(dy, cache):
    (n, rows, columns, c), u, stride, padding = cache
    dv = np.zeros((n, rows + 2 * padding, columns + 2 * padding, c), dy.dtype)
    for r, t, p, q, f in np.ndindex(*dy.shape[1:3], *u.shape):
        dv[:, stride * r + p, stride * t + q] += dy[:, r, t, f] * u[p, q, f]
    return dv[:, padding : padding + rows, padding : padding + columns]


def neighbours(c, size):
    return [slice(max(a - size // 2, 0), a + (size - 1) // 2 + 1) for a in range(c)]


def local_response_forward(v, size, alpha, beta, k):
    base = np.stack([k + alpha / size * (v[..., near] ** 2).sum(-1) for near in neighbours(v.shape[3], size)], axis=-1)
    return v * base**-beta, (v, base, size, alpha, beta)


def local_response_backward(dy, cache):
    v, base, size, alpha, beta = cache
    dv = dy * base**-beta
    for a, near in enumerate(neighbours(v.shape[3], size)):
        dbase = -beta * dy[..., a] * v[..., a] * base[..., a] ** (-beta - 1)
        dv[..., near] += 2 * alpha / size * dbase[..., None] * v[..., near]
    return dv


def ridge_dictionary(K, alpha, ridge, form):
    if form == "atom":
        return K[:, alpha]
    return np.linalg.solve(K[np.ix_(alpha, alpha)] + ridge * np.eye(len(alpha)), K[:, alpha].T).T


def grid_pool(v, sizes, taps, alpha, R):
    rows, columns = sizes
    K = np.empty((rows * columns, rows * columns), v.dtype)
    for y, x, other_y, other_x in np.ndindex(rows, columns, rows, columns):
        K[y * columns + x, other_y * columns + other_x] = taps[0][abs(y - other_y)] * taps[1][abs(x - other_x)]
    return [v @ K[:, kept] @ R_j for kept, R_j in zip(alpha, R, strict=True)]


def filters_of(U, w, filter_shape, c):
    parts = []
    for U_j, w_j in zip(U, w, strict=True):
        if len(U_j) == filter_shape[0] * filter_shape[1]:  # tied
            each = np.tensordot(U_j, w_j.reshape(U_j.shape[1], c, w_j.shape[1]), 1)
        else:
            each = U_j @ w_j
        parts.append(each.reshape(*filter_shape, c, w_j.shape[1]))
    return parts


def convnet_loss_and_gradient(x, labels, U, w, b, filter_shapes, W, c):
    h, layers = x, []
    for U_l, w_l, b_l, (height, width) in zip(U, w, b, filter_shapes, strict=True):
        n, rows, columns, channels = h.shape
        filters = np.concatenate(filters_of(U_l, w_l, (height, width), channels), axis=3)
        pad = height // 2
        padded = np.zeros((n, rows + 2 * pad, columns + 2 * pad, channels), h.dtype)
        padded[:, pad : pad + rows, pad : pad + columns] = h
        out = (rows + 2 * pad - height + 1, columns + 2 * pad - width + 1)
        y = np.zeros((n, *out, len(b_l)), h.dtype) + b_l
        for p, q in np.ndindex(height, width):
            y += padded[:, p : p + out[0], q : q + out[1]] @ filters[p, q]
        h, cache = max_pool2d_forward(np.maximum(y, 0), 2, 2, True)
        layers.append((padded, pad, filters, y, cache))
    n = max(len(x), 1)
    flat = h.reshape(len(x), math.prod(h.shape[1:]))
    z = flat @ W + c
    shifted = z - z.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    own = np.arange(len(x)), labels
    loss = (log_sum[:, 0] - shifted[own]).sum() / n
    dz = np.exp(shifted - log_sum)
    dz[own] -= 1
    dz /= n
    dh, dw, db = (dz @ W.T).reshape(h.shape), [], []
    for (padded, pad, filters, y, cache), U_l, w_l in reversed(list(zip(layers, U, w, strict=True))):
        dy = max_pool2d_backward(dh, cache) * (y > 0)
        dpadded, dfilters = np.zeros_like(padded), np.zeros_like(filters)
        for p, q in np.ndindex(*filters.shape[:2]):
            window = (slice(None), slice(p, p + y.shape[1]), slice(q, q + y.shape[2]))
            dfilters[p, q] = np.tensordot(padded[window], dy, ((0, 1, 2), (0, 1, 2)))
            dpadded[window] += dy @ filters[p, q].T
        dh = dpadded[:, pad : padded.shape[1] - pad, pad : padded.shape[2] - pad]
        db.insert(0, dy.sum(axis=(0, 1, 2)))
        dw.insert(0, filters_backward(dfilters, U_l, w_l))
    return loss, (dw, db, flat.T @ dz, dz.sum(axis=0))


def filters_backward(dfilters, U, w):
    """dw_j of W_j = U_j w_j, tied or not."""
    height, width, c, _ = dfilters.shape
    dw, start = [], 0
    for U_j, w_j in zip(U, w, strict=True):
        part = dfilters[..., start : start + w_j.shape[1]]
        start += w_j.shape[1]
        if len(U_j) == height * width:
            dw.append(np.tensordot(U_j.T, part.reshape(height * width, c, -1), 1).reshape(w_j.shape))
        else:
            dw.append(U_j.T @ part.reshape(height * width * c, -1))
    return dw


def rica_ufldl_loss_and_gradient(x, U, w, objective, trade_off, eps):
    W = np.concatenate([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)], axis=1)
    norms = np.sqrt((W * W).sum(axis=0))
    What = W / norms
    z = x @ What
    error = z @ What.T - x
    root = np.sqrt(z * z + eps)
    loss = trade_off * root.sum() + (error * error).sum() / 2
    dWhat = x.T @ (trade_off * z / root + error @ What) + error.T @ z
    dW = (dWhat - What * (What * dWhat).sum(axis=0)) / norms
    return loss, expand_backward(dW, U, w)


def rica_le2011_loss_and_gradient(x, U, w, objective, trade_off, eps):
    W = np.concatenate([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)], axis=1)
    z = x @ W
    error = z @ W.T - x
    share = trade_off / max(len(x), 1)
    size = abs(z)
    loss = (size - math.log(2) + np.log1p(np.exp(-2 * size))).sum() + share * (error * error).sum()
    return loss, expand_backward(x.T @ (np.tanh(z) + 2 * share * error @ W) + 2 * share * error.T @ z, U, w)


def expand_backward(dW, U, w):
    ends = np.cumsum([0, *(w_j.shape[1] for w_j in w)])
    return [U_j.T @ dW[:, start:end] for U_j, start, end in zip(U, ends[:-1], ends[1:], strict=True)]
