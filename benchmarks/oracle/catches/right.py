"""Right functions in NumPy, of which the other files here break one or two. Sums of half precision are in float32."""

import numpy as np


def product(a, b):
    """a b, added up in float32 where a is float16."""
    return (a.astype(np.float32) @ b.astype(np.float32)).astype(a.dtype) if a.dtype == np.float16 else a @ b


def dense_forward(v, W, b):
    return product(v, W) + b, (v, W)


def dense_backward(dy, cache):
    v, W = cache
    return product(dy, W.T), product(v.T, dy), dy.sum(axis=0)


def wide(x):
    return x.astype(np.float32) if x.dtype == np.float16 else x


def cross_entropy(z, labels):
    """Logits less their maximum, the sum of their exponentials, and the number that a mean is divided by."""
    z = wide(z)
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted, np.exp(shifted).sum(axis=1), z.dtype.type(max(len(z), 1))


def softmax_cross_entropy_forward(z, labels):
    shifted, total, n = cross_entropy(z, labels)
    loss = (np.log(total) - shifted[np.arange(len(z)), labels]).sum() / n
    return loss.astype(z.dtype), (z, labels)


def softmax_cross_entropy_backward(dloss, cache):
    z, labels = cache
    shifted, total, n = cross_entropy(z, labels)
    dz = np.exp(shifted) / total[:, None]
    dz[np.arange(len(z)), labels] -= 1
    return (wide(np.asarray(dloss)) * dz / n).astype(z.dtype)


def sigmoid_forward(v):
    e = np.exp(-abs(v))
    return np.where(v >= 0, 1, e) / (1 + e), v


def sigmoid_backward(dy, v):
    e = np.exp(-abs(v))
    return dy * (e / (1 + e)) / (1 + e)


def padded(v, padding):
    return np.pad(v, ((0, 0), (padding, padding), (padding, padding), (0, 0)))


def conv2d_forward(v, W, b, stride, padding):
    height, width = W.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(padded(v, padding), (height, width), axis=(1, 2))
    patches = windows[:, ::stride, ::stride]
    return np.tensordot(patches, W, axes=((4, 5, 3), (0, 1, 2))) + b, (v, W, patches, stride, padding)


def conv2d_backward(dy, cache):
    v, W, patches, stride, padding = cache
    dv = np.zeros_like(padded(v, padding))
    _, rows, columns, _ = dy.shape
    for p, q in np.ndindex(*W.shape[:2]):
        dv[:, p : p + stride * rows : stride, q : q + stride * columns : stride] += dy @ W[p, q].T
    dW = np.tensordot(patches, dy, axes=((0, 1, 2), (0, 1, 2))).transpose(1, 2, 0, 3)
    return dv[:, padding : padding + v.shape[1], padding : padding + v.shape[2]], dW, dy.sum(axis=(0, 1, 2))


def windows(v, size, stride, ceil):
    """The shape of a pooled image, and of every window its place there and its place in v."""
    starts = [
        [i for i in range(0, extent, stride) if i + size <= extent or (ceil and i - stride + size < extent)]
        for extent in v.shape[1:3]
    ]
    places = [
        ((slice(None), r, t), (slice(None), slice(i, i + size), slice(j, j + size)))
        for r, i in enumerate(starts[0])
        for t, j in enumerate(starts[1])
    ]
    return (len(v), len(starts[0]), len(starts[1]), v.shape[3]), places


def max_pool2d_forward(v, size, stride, ceil):
    shape, places = windows(v, size, stride, ceil)
    y = np.empty(shape, v.dtype)
    for place, window in places:
        y[place] = v[window].max(axis=(1, 2))
    return y, (v, places)


def max_pool2d_backward(dy, cache):
    v, places = cache
    dv = np.zeros_like(v)
    for place, window in places:
        part = dv[window]
        seen = v[window].reshape(len(v), part.shape[1] * part.shape[2], v.shape[3])
        winners = seen.argmax(axis=1) if len(v) else np.zeros((0, v.shape[3]), int)
        for n, c in np.ndindex(*winners.shape):
            part[(n, *divmod(winners[n, c], part.shape[2]), c)] += dy[place][n, c]
    return dv


def local_response_sums(v, before, after):
    """Of every channel, the sum of squares from `before` channels in front of it to `after` behind it."""
    near = [v[..., max(0, c - before) : c + after + 1] for c in range(v.shape[3])]
    return np.stack([(each**2).sum(axis=3) for each in near], axis=3)
