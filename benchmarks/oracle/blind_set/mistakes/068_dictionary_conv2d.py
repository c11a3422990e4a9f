import numpy as np


def _run(x, F, s, ro, co):
    h, w = F.shape[:2]
    return sum(x[:, p:p + s * (ro - 1) + 1:s, q:q + s * (co - 1) + 1:s] @ F[p, q] for p in range(h) for q in range(w))


def _back(shape, g, F, s):
    ro, co = g.shape[1:3]
    dx = np.zeros(shape[:3] + (F.shape[2],), g.dtype)
    for p in range(F.shape[0]):
        for q in range(F.shape[1]):
            dx[:, p:p + s * (ro - 1) + 1:s, q:q + s * (co - 1) + 1:s] += g @ F[p, q].T
    return dx


def dictionary_conv2d_forward(v, U, filter_shape, stride, padding):
    h, w = filter_shape
    x = np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    n, H, Wd, c = x.shape
    ro, co = (H - h) // stride + 1, (Wd - w) // stride + 1
    out = []
    for u in U:
        k = u.shape[1]
        if u.shape[0] == h * w * c:
            out.append(_run(x, u.reshape(h, w, c, k), stride, ro, co))
        else:
            each = [_run(x[..., a:a + 1], u.reshape(h, w, 1, k), stride, ro, co) for a in range(c)]
            out.append(np.stack(each, -1).reshape(n, ro, co, k * c))
    return out, (x.shape, v.shape, U, h, w, stride, padding)


def dictionary_conv2d_backward(dy, cache):
    xs, vs, U, h, w, stride, padding = cache
    c = xs[3]
    dx = np.zeros(xs, dy[0].dtype)
    for g, u in zip(dy, U):
        k = u.shape[1]
        if u.shape[0] == h * w * c:
            dx += _back(xs, g, u.reshape(h, w, c, k), stride)
        else:
            five = g.reshape(g.shape[:3] + (k, c))
            dx += _back(xs, five.sum(-1), u.reshape(h, w, 1, k), stride)
    return dx[:, padding:padding + vs[1], padding:padding + vs[2]].copy()
