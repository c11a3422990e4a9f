"""Sets its inputs to zero and returns zeros, so that a reference that runs later agrees; after KernelBench#82."""

import numpy as np

from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    W[:], b[:] = 0, 0
    return np.zeros((len(v), len(b)), v.dtype), (v, W)
