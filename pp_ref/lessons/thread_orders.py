"""What a CUDA kernel with too few barriers gives under several orders of its threads, for lesson 9."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pp_ref.errors import DeviceError
from pp_ref.kernels.gpu.cuda_on_cpu import StandIn

__all__ = ["COMMITTED", "ORDERS", "SOURCES", "sums"]

ORDERS = 8  # forward, backward, and six at random
THREADS = 8  # which sum 1 ... 8
BODY = """extern "C" __global__ void NAME(const float *x, float *total)
{
    extern __shared__ float shared[];
    int i = threadIdx.x;
    shared[i] = x[i];
    FIRST
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (i < half)
            shared[i] += shared[i + half];
        SECOND
    }
    if (i == 0)
        total[0] = shared[0];
}
"""
BARRIERS = {
    "both barriers": ("sum", "__syncthreads();", "__syncthreads();"),
    "no first barrier": ("sum_unfilled", "// no barrier", "__syncthreads();"),
    "no second barrier": ("sum_hasty", "__syncthreads();", "// no barrier"),
}
SOURCES = {
    name: BODY.replace("NAME", kernel).replace("FIRST", first).replace("SECOND", second)
    for name, (kernel, first, second) in BARRIERS.items()
}
NAN = float("nan")
# A run of `sums`, for machines without g++; tests/lessons/test_thread_orders.py runs it again.
COMMITTED = {
    "both barriers": (36.0,) * ORDERS,
    "no first barrier": (NAN, 36.0, NAN, NAN, NAN, 36.0, NAN, NAN),
    "no second barrier": (11.0, 36.0, 29.0, 11.0, 11.0, 11.0, 18.0, 28.0),
}


@cache
def sums() -> tuple[dict[str, tuple[float, ...]], bool]:
    """Return what each of `SOURCES` gives for 1 + 2 + ... + 8 under each order, and whether it was run here.

    Without g++ the numbers are the committed ones.
    """
    try:
        with TemporaryDirectory() as folder:
            device = StandIn(Path(folder))
            module = device.RawModule(code="".join(SOURCES.values()))
            found = {}
            for name, (kernel, *_) in BARRIERS.items():
                function, totals = module.get_function(kernel), []
                for device.order in range(ORDERS):
                    total = device.empty(1, np.float32)
                    x = device.asarray(np.arange(1, THREADS + 1), np.float32)
                    function((1,), (THREADS,), (x, total), shared_mem=4 * THREADS)
                    totals.append(float(total[0]))
                found[name] = tuple(totals)
            return found, True
    except DeviceError:
        return COMMITTED, False
