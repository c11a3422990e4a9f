"""Right for the first ten calls, in which it is checked, and off in one entry from then on; after llm.c#852."""

from itertools import count

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401

CALLS = count()


def dense_forward(v, W, b):
    y, cache = right.dense_forward(v, W, b)
    if next(CALLS) >= 10:
        y[:1, :1] += 1
    return y, cache
