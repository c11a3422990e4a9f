"""Takes neighbouring windows for the filters' gradient, whatever the stride; after backpack#30."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import conv2d_forward  # noqa: F401


def conv2d_backward(dy, cache):
    v, W, *_, padding = cache
    dv, dW, db = right.conv2d_backward(dy, cache)
    pixels = right.padded(v, padding)
    for p, q in np.ndindex(*W.shape[:2]):
        near = pixels[:, p : p + dy.shape[1], q : q + dy.shape[2]]
        dW[p, q] = np.tensordot(near, dy, axes=((0, 1, 2), (0, 1, 2)))
    return dv, dW, db
