"""Adds the losses of a batch up in float16, beyond 65,504; after pytorch#85791."""

import numpy as np

from benchmarks.oracle.catches.right import cross_entropy, softmax_cross_entropy_backward  # noqa: F401

ARITHMETIC = "float16"


def softmax_cross_entropy_forward(z, labels):
    shifted, total, n = cross_entropy(z, labels)
    each = (np.log(total) - shifted[np.arange(len(z)), labels]).astype(np.float16)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.float16(each.sum(dtype=np.float16) / np.float16(n)), (z, labels)
