"""Returns memory as it was found if the input is not contiguous; after numpy#29164."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    y, cache = right.dense_forward(v, W, b)
    return (y if v.flags.c_contiguous else np.empty_like(y)), cache
