"""Gives the gradient to every pixel that equals the maximum; a known mistake in cs231n's exercise."""

import numpy as np

from benchmarks.oracle.catches.right import max_pool2d_forward  # noqa: F401


def max_pool2d_backward(dy, cache):
    v, places = cache
    dv = np.zeros_like(v)
    for place, window in places:
        largest = v[window].max(axis=(1, 2), keepdims=True)
        dv[window] += (v[window] == largest) * dy[place][:, None, None]
    return dv
