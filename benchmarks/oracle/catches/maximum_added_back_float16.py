"""Adds the maximum back to log-sum-exp in float16, and takes z off then; after pytorch#11752."""

import numpy as np

from benchmarks.oracle.catches.right import cross_entropy, softmax_cross_entropy_backward  # noqa: F401

ARITHMETIC = "float16"


def softmax_cross_entropy_forward(z, labels):
    _, total, n = cross_entropy(z, labels)
    log_sum = (np.log(total) + z.max(axis=1)).astype(np.float16)
    return np.float16((log_sum - z[np.arange(len(z)), labels]).sum(dtype=np.float32) / n), (z, labels)
