"""Reads the filters' gradient from an image whose zeros are below and right of it alone; after backpack#30."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import conv2d_forward  # noqa: F401


def conv2d_backward(dy, cache):
    v, W, _, stride, padding = cache
    dv, _, db = right.conv2d_backward(dy, cache)
    pixels = np.pad(v, ((0, 0), (0, 2 * padding), (0, 2 * padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(pixels, W.shape[:2], axis=(1, 2))[:, ::stride, ::stride]
    return dv, np.tensordot(windows, dy, axes=((0, 1, 2), (0, 1, 2))).transpose(1, 2, 0, 3), db
