"""Does not divide alpha by the size of the window; after MIOpen#127 and Caffe2."""

from benchmarks.oracle.catches.right import local_response_sums

FORWARD_ONLY = True


def local_response_forward(v, size, alpha, beta, k):
    return v * (k + alpha * local_response_sums(v, size // 2, (size - 1) // 2)) ** -beta, None
