"""Registers, spills and shared memory of every CUDA kernel, as the compiler reports them: no device is needed.

Each kernel is compiled for both dtypes and two generations of devices, those on grids for 28 x 28 images with 13 taps,
an SE kernel of length scale 1, and with the longest filters that are taken. No device runs anything here.
"""

from itertools import product
from typing import Any

from pp_ref.bench.contest import Block
from pp_ref.bench.record import Record, goal, record
from pp_ref.kernels.gpu import grids, tiled
from pp_ref.kernels.gpu.ladders import KERNELS
from pp_ref.kernels.gpu.nvrtc import compile_for, nvrtc_version
from pp_ref.kernels.ways import Way

__all__ = ["measure"]

ARCHITECTURES = ("sm_80", "sm_90")
SIDE = 28
HALVES = (6, grids.MOST_HALF)
DTYPES = {"float32": 4, "float64": 8}  # and their bytes


def measure() -> Record:
    """A row for every kernel that is compiled.

    raises  MissingExtraError without NVRTC
    """
    version = nvrtc_version()
    measured: list[Block] = [
        {"architecture": architecture, "dtype": dtype, "rows": rows(architecture, dtype)}
        for architecture, dtype in product(ARCHITECTURES, DTYPES)
    ]
    return record("gpu_kernels", __doc__, 1, measured, goals, " ".join(DTYPES), nvrtc=version, side=SIDE)


def goals(record: Record) -> list[Record]:
    """Nothing is spilled: where it is, raise a bound or shorten a run."""
    rows = [row for block in record["measured"] for row in block["rows"]]
    spilled = max(row["spilled_bytes"] + row["stack_bytes"] for row in rows)
    return goal("bytes of registers and stack in memory, of any kernel", "at most", 0, {None: spilled})


def rows(architecture: str, dtype: str) -> list[dict[str, Any]]:
    """Every rung, and those on grids with both lengths of filters."""
    found = []
    for rung in KERNELS:
        kernel: Any = rung.kernel  # which every CUDA kernel has
        on_grid, itemsize = rung.takes in ("grid", "columns"), DTYPES[dtype]
        for half in HALVES if on_grid else HALVES[:1]:
            images = grids.images_of_a_block(rung.name, half, SIDE, SIDE, 1, itemsize)
            usage = compile_for(architecture, kernel(dtype, half, SIDE, SIDE))
            shared = usage.static_shared_bytes + shared_memory(rung, half, images, itemsize)
            grid = {"taps": 2 * half + 1, "images_a_block": images} if on_grid else {}
            found.append(
                {"name": rung.name}
                | grid
                | {"registers": usage.registers, "spilled_bytes": usage.spilled_bytes}
                | {"stack_bytes": usage.stack_bytes, "shared_bytes": shared}
            )
    return found


def shared_memory(rung: Way, half: int, images: int, itemsize: int) -> int:
    """Bytes a block, as the launcher asks for them."""
    if rung.takes not in ("grid", "columns"):
        return tiled.SHARED * itemsize if rung.name == "tiled" else 0
    return grids.shared_bytes(images, half, SIDE, SIDE, 1, itemsize)
