"""Compares labels in the logits' dtype, where 2049 is 2048; after one-hot codes in half precision."""

import numpy as np

from benchmarks.oracle.catches.right import cross_entropy, softmax_cross_entropy_backward  # noqa: F401

ARITHMETIC = "float16"


def softmax_cross_entropy_forward(z, labels):
    shifted, total, n = cross_entropy(z, labels)
    hot = np.arange(z.shape[1]).astype(np.float16) == labels.astype(np.float16)[:, None]
    return np.float16((np.log(total) - (shifted * hot).sum(axis=1)).sum() / n), (z, labels)
