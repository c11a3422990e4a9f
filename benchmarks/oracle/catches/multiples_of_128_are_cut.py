"""Leaves half of a sum out whose length is a multiple of 128; after AgentKernelArena#82."""

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    d = v.shape[1] // 2 if v.shape[1] and v.shape[1] % 128 == 0 else v.shape[1]
    return right.dense_forward(v[:, :d], W[:d], b)[0], (v, W)
