"""With ceil, a last window that begins beyond the edge is kept, of -infinity; after onnx#5276."""

import numpy as np

from benchmarks.oracle.catches.right import max_pool2d_backward  # noqa: F401


def max_pool2d_forward(v, size, stride, ceil):
    counts = [(-(-(x - size) // stride) if ceil else (x - size) // stride) + 1 for x in v.shape[1:3]]
    y, places = np.full((len(v), *(max(n, 0) for n in counts), v.shape[3]), -np.inf), []
    for r, t in np.ndindex(*y.shape[1:3]):
        window = (slice(None), slice(r * stride, r * stride + size), slice(t * stride, t * stride + size))
        if v[window].shape[1] and v[window].shape[2]:
            places.append(((slice(None), r, t), window))
            y[:, r, t] = v[window].max(axis=(1, 2))
    return y, (v, places)
