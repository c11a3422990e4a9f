"""Adds the maximum back to log-sum-exp before z is taken off, which absorbs log n; after pytorch#11752, in float32."""

import numpy as np

from benchmarks.oracle.catches.right import cross_entropy, softmax_cross_entropy_backward  # noqa: F401

ARITHMETIC = "float32"


def softmax_cross_entropy_forward(z, labels):
    _, total, n = cross_entropy(z, labels)
    log_sum = np.log(total) + z.max(axis=1)
    return (log_sum - z[np.arange(len(z)), labels]).sum() / n, (z, labels)
