import numpy as np


def _filters(u, fs, c):
    h, w = fs
    k = u.shape[1]
    if u.shape[0] == h * w * c:
        t = u.reshape(w, h, c, k)
    else:
        t = u.reshape(w, h, 1, k)
    if h == w:
        return t, t.shape[2] == c
    return t.transpose(1, 0, 2, 3), t.shape[2] == c


def dictionary_conv2d_forward(v, U, filter_shape, stride, padding):
    n, rows, cols, c = v.shape
    h, w = filter_shape
    x = np.zeros((n, rows + 2 * padding, cols + 2 * padding, c), v.dtype)
    x[:, padding:padding + rows, padding:padding + cols] = v
    ro, co = (x.shape[1] - h) // stride + 1, (x.shape[2] - w) // stride + 1
    spots = [(p, q, (slice(None), slice(p, p + stride * (ro - 1) + 1, stride), slice(q, q + stride * (co - 1) + 1, stride))) for p in range(h) for q in range(w)]
    ys = []
    for u in U:
        F, dense = _filters(u, filter_shape, c)
        if dense:
            ys.append(sum(x[at] @ F[p, q] for p, q, at in spots))
        else:
            y = sum(x[at][..., None, :] * F[p, q, 0][:, None] for p, q, at in spots)
            ys.append(y.reshape(n, ro, co, u.shape[1] * c))
    return ys, (U, x.shape, v.shape, filter_shape, padding, spots)


def dictionary_conv2d_backward(dy, cache):
    U, xs, vs, fs, pad, spots = cache
    c = vs[3]
    dx = np.zeros(xs, dy[0].dtype)
    for g, u in zip(dy, U):
        F, dense = _filters(u, fs, c)
        for p, q, at in spots:
            if dense:
                dx[at] += g @ F[p, q].T
            else:
                five = g.reshape(g.shape[:3] + (u.shape[1], c))
                dx[at] += np.einsum("nrtfa,f->nrta", five, F[p, q, 0])
    return dx[:, pad:pad + vs[1], pad:pad + vs[2]].copy()
