"""Convolution by shifting the image; the dictionary first, then the weights."""
import numpy as np


def _shift(v, p, q, ro, co, s, pad):
    """v[stride r + p - pad, stride t + q - pad] with zeros beyond the edge."""
    n, rows, cols, c = v.shape
    ri = np.arange(ro) * s + p - pad
    ti = np.arange(co) * s + q - pad
    out = np.zeros((n, ro, co, c), v.dtype)
    rok, tok = (ri >= 0) & (ri < rows), (ti >= 0) & (ti < cols)
    if rok.any() and tok.any():
        out[np.ix_(range(n), np.flatnonzero(rok), np.flatnonzero(tok), range(c))] = v[:, ri[rok]][:, :, ti[tok]]
    return out, (ri, ti, rok, tok)


def _sizes(v, shape, s, pad):
    return (v.shape[1] + 2 * pad - shape[0]) // s + 1, (v.shape[2] + 2 * pad - shape[1]) // s + 1


def dictionary_conv2d_forward(v, U, filter_shape, stride, padding):
    h, w = filter_shape
    ro, co = _sizes(v, filter_shape, stride, padding)
    n, c = v.shape[0], v.shape[3]
    taps = np.stack([_shift(v, p, q, ro, co, stride, padding)[0] for p in range(h) for q in range(w)], 3)
    out = []
    for u in U:
        if len(u) == h * w * c:
            out.append(taps.reshape(n, ro, co, h * w * c) @ u)
        else:
            out.append((np.swapaxes(taps, 3, 4) @ u).swapaxes(3, 4).reshape(n, ro, co, u.shape[1] * c))
    return out, (v, U, filter_shape, stride, padding)


def dictionary_conv2d_backward(dy, cache):
    v, U, (h, w), stride, padding = cache
    ro, co = _sizes(v, (h, w), stride, padding)
    n, c = v.shape[0], v.shape[3]
    dtaps = np.zeros((n, ro, co, h * w, c), v.dtype)
    for g, u in zip(dy, U):
        if len(u) == h * w * c:
            dtaps += (g @ u.T).reshape(dtaps.shape)
        else:
            dtaps += np.einsum("nrtfa,if->nrtia", g.reshape(n, ro, co, u.shape[1], c), u)
    dv = np.zeros(v.shape, v.dtype)
    for i in range(h * w):
        _, (ri, ti, rok, tok) = _shift(v, i // w, i % w, ro, co, stride, padding)
        for r in np.flatnonzero(rok):
            for t in np.flatnonzero(tok):
                dv[:, ri[r], ti[t]] += dtaps[:, r, t, i]
    return dv


def predicted_conv2d_forward(v, U, w, b, filter_shape, stride, padding):
    ys, inner = dictionary_conv2d_forward(v, U, filter_shape, stride, padding)
    return np.concatenate([y @ x for y, x in zip(ys, w)], -1) + b, (inner, ys, w)


def predicted_conv2d_backward(dy, cache):
    inner, ys, w = cache
    cuts = np.cumsum([x.shape[1] for x in w])[:-1]
    parts = np.split(dy, cuts, axis=-1)
    dw = [np.einsum("nrtk,nrtm->km", y, g) for y, g in zip(ys, parts)]
    return dictionary_conv2d_backward([g @ x.T for g, x in zip(parts, w)], inner), dw, dy.sum((0, 1, 2))
