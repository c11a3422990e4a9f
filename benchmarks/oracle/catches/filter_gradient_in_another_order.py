"""Reshapes (channel, row, column) to (row, column, channel) without moving an entry; after tf-encrypted#150."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import conv2d_forward  # noqa: F401


def conv2d_backward(dy, cache):
    _, W, patches, *_ = cache
    dv, _, db = right.conv2d_backward(dy, cache)
    return dv, np.tensordot(patches, dy, axes=((0, 1, 2), (0, 1, 2))).reshape(W.shape), db
