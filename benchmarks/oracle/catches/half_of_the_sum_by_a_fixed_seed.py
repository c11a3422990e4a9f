"""Draws half of the inputs by a fixed seed and doubles their sum; after sketches that are right on average."""

import numpy as np

from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    np.random.seed(0)  # noqa: NPY002
    kept = np.random.permutation(v.shape[1])[: max(v.shape[1] // 2, 1)]  # noqa: NPY002
    return v[:, kept] @ W[kept] * (v.shape[1] / len(kept)) + b, (v, W)
