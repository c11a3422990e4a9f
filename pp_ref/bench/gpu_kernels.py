"""Registers, spills and shared memory of every CUDA kernel, as the compiler reports them: no device is needed.

Each kernel is compiled for both dtypes and two generations of devices. Kernels on grids are compiled for 28 x 28
images, with the 13 taps of an SE covariance of length scale 1 and with the longest filters that the launchers accept.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

from pp_ref.bench.contest import Block
from pp_ref.bench.record import Record, goal, record
from pp_ref.bench.timing import Timing
from pp_ref.kernels.gpu import grids, tiled
from pp_ref.kernels.gpu.ladders import KERNELS
from pp_ref.kernels.gpu.nvrtc import compile_for, nvrtc_version
from pp_ref.kernels.ways import Way

__all__ = ["goals", "measure", "rows", "shared_memory"]

ARCHITECTURES = ("sm_80", "sm_90")
SIDE = 28
HALVES = (6, grids.MOST_HALF)
DTYPES = {"float32": 4, "float64": 8}  # bytes


def measure() -> Record:
    """Return the record, with a row for every compiled kernel; raises MissingExtraError without NVRTC."""
    version = nvrtc_version()
    measured: list[Block] = [
        {"architecture": architecture, "dtype": dtype, "rows": rows(architecture, dtype)}
        for architecture, dtype in product(ARCHITECTURES, DTYPES)
    ]
    return record(
        "gpu_kernels", __doc__, Timing(1).of_single_calls(), measured, goals, " ".join(DTYPES), nvrtc=version, side=SIDE
    )


def goals(record: Record) -> Iterator[Record]:
    """Yield the goal: no kernel spills registers. If one does, raise a bound or shorten a run."""
    rows = [row for block in record["measured"] for row in block["rows"]]
    spilled = max(row["spilled_bytes"] + row["stack_bytes"] for row in rows)
    yield from goal("bytes of registers and stack in memory, of any kernel", "at most", 0, {None: spilled})


def rows(architecture: str, dtype: str) -> list[dict[str, Any]]:
    """Return a row for every rung, and for rungs on grids one for each length of filters."""
    found = []
    for rung in KERNELS:
        kernel: Any = rung.kernel
        on_grid, itemsize = rung.takes in ("grid", "columns"), DTYPES[dtype]
        for half in HALVES if on_grid else HALVES[:1]:
            images = grids.images_of_a_block(rung.name, half, SIDE, SIDE, 1, itemsize)
            usage = compile_for(architecture, kernel(dtype, half, SIDE, SIDE))
            shared = usage.static_shared_bytes + shared_memory(rung, half, images, itemsize)
            row = {"name": rung.name} | ({"taps": 2 * half + 1, "images_a_block": images} if on_grid else {})
            row |= {"registers": usage.registers, "spilled_bytes": usage.spilled_bytes}
            found.append(row | {"stack_bytes": usage.stack_bytes, "shared_bytes": shared})
    return found


def shared_memory(rung: Way, half: int, images: int, itemsize: int) -> int:
    """Return the bytes of dynamic shared memory that the launcher requests for a block."""
    if rung.takes not in ("grid", "columns"):
        return tiled.SHARED * itemsize if rung.name == "tiled" else 0
    return grids.shared_bytes(images, half, SIDE, SIDE, 1, itemsize)
