"""A loss of 0 wherever a logit is large, in float16, where bounds are wide."""

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import softmax_cross_entropy_backward  # noqa: F401

ARITHMETIC = "float16"


def softmax_cross_entropy_forward(z, labels):
    loss, cache = right.softmax_cross_entropy_forward(z, labels)
    return loss * np.float16(abs(z).max(initial=0) <= 1000), cache
