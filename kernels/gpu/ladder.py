"""Every way to pool on a CUDA device, the definition first: the table that tests, checks and benchmarks read."""

from collections.abc import Callable
from typing import NamedTuple

from pp_ref.arrays import Array
from pp_ref.kernels.gpu import grids, naive, tiled
from pp_ref.kernels.gpu.launching import Kernel

__all__ = ["POOL", "Rung"]


class Rung(NamedTuple):
    """One way.

    name     how tests and records call it
    run      the launcher
    needs    "U": a dictionary of any structure; "grid": images and K = K_y (x) K_x; "columns": their weights as well
    idea     one sentence
    kernel   what it compiles for (dtype, half, height, width); the dense ones need the dtype alone
    """

    name: str
    run: Callable[..., Array]
    needs: str
    idea: str
    kernel: Callable[[str, int, int, int], Kernel]


def _grid_kernel(name: str) -> Callable[[str, int, int, int], Kernel]:
    return lambda dtype, half, height, width: grids.kernel(name, dtype, half, height, width)


POOL = (
    Rung("naive", naive.pool, "U", "the definition: a thread an output", lambda dtype, *_: naive.kernel(dtype)),
    Rung(
        "tiled",
        tiled.pool_tiled,
        "U",
        "both factors in shared memory, read once for 64 outputs; a thread makes 4 x 4 of them",
        lambda dtype, *_: tiled.kernel(dtype),
    ),
    Rung(
        "separable",
        grids.pool_separable,
        "grid",
        "K = K_y (x) K_x as two filters along an axis, in shared memory, with a window in registers",
        _grid_kernel("separable"),
    ),
    Rung(
        "gathered",
        grids.pool_gathered,
        "grid",
        "one filtered image serves every column: v is read once, only the kept pixels are written, once",
        _grid_kernel("gathered"),
    ),
    Rung(
        "combined",
        grids.pool_combined,
        "columns",
        "the kept pixels meet the weights where they lie: nothing is written but the layer's pre-activations",
        _grid_kernel("combined"),
    ),
)
