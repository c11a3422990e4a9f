"""A power that is only good to 3e-6 in float32, as exp2(beta log2 x) of fast-math libraries."""

import numpy as np

from benchmarks.oracle.catches.right import local_response_sums

ARITHMETIC = "float32"
FORWARD_ONLY = True


def local_response_forward(v, size, alpha, beta, k):
    base = k + alpha / size * local_response_sums(v, size // 2, (size - 1) // 2)
    return v * base**-beta * np.float32(1 + 3e-6), None
