import numpy as np


def _patches(v, fs, s, p):
    x = np.pad(v, ((0, 0), (p, p), (p, p), (0, 0)))
    win = np.lib.stride_tricks.sliding_window_view(x, fs, axis=(1, 2))[:, ::s, ::s]
    return np.moveaxis(win, 3, 5), x.shape


def dictionary_conv2d_forward(v, U, filter_shape, stride, padding):
    P, xs = _patches(v, tuple(filter_shape), stride, padding)
    n, ro, co, h, w, c = P.shape
    y = []
    for u in U:
        if u.shape[0] == h * w * c:
            y.append(P.reshape(n, ro, co, h * w * c) @ u)
        else:
            t = np.einsum("nrtpqa,pqf->nrtaf", P, u.reshape(h, w, u.shape[1]))
            y.append(t.reshape(n, ro, co, c * u.shape[1]))
    return y, (U, P.shape, xs, v.shape, stride, padding)


def dictionary_conv2d_backward(dy, cache):
    U, (n, ro, co, h, w, c), xs, vs, s, p = cache
    dP = np.zeros((n, ro, co, h, w, c), dy[0].dtype)
    for g, u in zip(dy, U):
        if u.shape[0] == h * w * c:
            dP += (g @ u.T).reshape(dP.shape)
        else:
            dP += np.einsum("nrtaf,pqf->nrtpqa", g.reshape(n, ro, co, c, u.shape[1]), u.reshape(h, w, u.shape[1]))
    dx = np.zeros(xs, dP.dtype)
    for r in range(ro):
        for t in range(co):
            dx[:, r * s:r * s + h, t * s:t * s + w] += dP[:, r, t]
    return dx[:, p:p + vs[1], p:p + vs[2]].copy()
