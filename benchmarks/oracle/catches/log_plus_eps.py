"""Takes the logarithm of p + 1e-7: the commonest fault in the wild; after Keras's clipped cross-entropy."""

import numpy as np

from benchmarks.oracle.catches.right import cross_entropy, softmax_cross_entropy_backward  # noqa: F401


def softmax_cross_entropy_forward(z, labels):
    shifted, total, n = cross_entropy(z, labels)
    p = np.exp(shifted[np.arange(len(z)), labels]) / total
    return -np.log(p + 1e-7).sum() / n, (z, labels)
