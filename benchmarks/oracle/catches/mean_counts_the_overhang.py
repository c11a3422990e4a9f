"""Divides the sum of a window that reaches over the edge by all of its places; after tract#2851, coremltools#2844."""

import numpy as np

from benchmarks.oracle.catches.right import windows


def average_pool2d_forward(v, size, stride, ceil):
    shape, places = windows(v, size, stride, ceil)
    y = np.empty(shape, v.dtype)
    for place, window in places:
        y[place] = v[window].sum(axis=(1, 2)) / size**2
    return y, (v.shape, places, size)


def average_pool2d_backward(dy, cache):
    shape, places, size = cache
    dv = np.zeros(shape, dy.dtype)
    for place, window in places:
        dv[window] += (dy[place] / size**2)[:, None, None]
    return dv
