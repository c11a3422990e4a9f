"""Has the usual constant k = 2 built in, and does not read the option; after kernels written for one configuration."""

from benchmarks.oracle.catches.right import local_response_sums

FORWARD_ONLY = True


def local_response_forward(v, size, alpha, beta, k):
    return v * (2 + alpha / size * local_response_sums(v, size // 2, (size - 1) // 2)) ** -beta, None
