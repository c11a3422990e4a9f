"""Returns memory that a thread fills after the call has ended; after KernelBench#82 (work on another stream)."""

import threading
import time

import numpy as np

from benchmarks.oracle.catches import right
from benchmarks.oracle.catches.right import dense_backward  # noqa: F401


def dense_forward(v, W, b):
    y = np.zeros((len(v), len(b)), v.dtype)

    def fill():
        time.sleep(0.002)
        y[:] = right.dense_forward(v, W, b)[0]

    threading.Thread(target=fill, daemon=True).start()
    return y, (v, W)
