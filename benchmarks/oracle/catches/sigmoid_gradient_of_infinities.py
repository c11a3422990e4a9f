"""e / (1 + e)^2, infinity over infinity for large negative arguments; after candle#1722."""

import numpy as np

from benchmarks.oracle.catches.right import sigmoid_forward  # noqa: F401


def sigmoid_backward(dy, v):
    with np.errstate(all="ignore"):
        e = np.exp(-v)
        return dy * e / (1 + e) ** 2
