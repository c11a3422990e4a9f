"""Leaves out the taps of a filter beyond 3 x 3, forward; after fallbacks of MIOpen and cuDNN."""

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import conv2d_backward  # noqa: F401


def conv2d_forward(v, W, b, stride, padding):
    cut = W.copy()
    cut[3:], cut[:, 3:] = 0, 0
    y, _ = right.conv2d_forward(v, cut, b, stride, padding)
    return y, right.conv2d_forward(v, W, b, stride, padding)[1]
