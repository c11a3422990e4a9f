"""One channel more behind than in front where the window is even; after ONNX's LRN."""

from benchmarks.oracle.catches.right import local_response_sums

FORWARD_ONLY = True


def local_response_forward(v, size, alpha, beta, k):
    return v * (k + alpha / size * local_response_sums(v, (size - 1) // 2, size // 2)) ** -beta, None
