"""The CUDA kernels, and the ladders of what is made with them, from the definition up: tests and benchmarks read these.

A rung of LADDERS takes the operation's arguments with the device's Operands, as those of `pp_ref.kernels.cpu.rungs` do;
a rung of POOL or KERNELS takes what its kernel does.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from pp_ref.kernels.gpu import defined, dense, fused, grids, layer, naive, tiled
from pp_ref.kernels.gpu.launching import Kernel
from pp_ref.kernels.rung import Rung

__all__ = ["KERNELS", "LADDERS", "POOL"]


def _grid_kernel(name: str) -> Callable[..., Kernel]:
    return partial(grids.kernel, name)


def _dense_kernel(kernel: Callable[[str], Kernel]) -> Callable[..., Kernel]:
    return lambda dtype, *_: kernel(dtype)


POOL = (
    Rung("naive", naive.pool, "U", "the definition: a thread an output", kernel=_dense_kernel(naive.kernel)),
    Rung(
        "tiled",
        tiled.pool_tiled,
        "U",
        "both factors in shared memory, read once for 64 outputs; a thread makes 4 x 4 of them",
        kernel=_dense_kernel(tiled.kernel),
    ),
    Rung(
        "separable",
        grids.pool_separable,
        "grid",
        "K = K_y (x) K_x as two filters along an axis, in shared memory, with a window in registers",
        kernel=_grid_kernel("separable"),
    ),
    Rung(
        "gathered",
        grids.pool_gathered,
        "grid",
        "one filtered image serves every column: v is read once, only the kept pixels are written, once",
        kernel=_grid_kernel("gathered"),
    ),
    Rung(
        "combined",
        grids.pool_combined,
        "columns",
        "the kept pixels meet the weights where they lie: nothing is written but the layer's pre-activations",
        kernel=_grid_kernel("combined"),
    ),
)

KERNELS = (
    *POOL,
    Rung(
        "scattered",
        grids.smooth_scatter,
        "grid",
        "each pixel adds up what the columns have for it, and the image is smoothed where it lies",
        kernel=_grid_kernel("scattered"),
    ),
    Rung(
        "defined",
        defined.define,
        "flags",
        "the definition again, for the rows that are not finite",
        kernel=_dense_kernel(defined.kernel),
    ),
)


def _definition(run: Callable[..., Any]) -> Rung:
    return Rung("naive", run, "cupy", "the definition: a thread an output")


def _tiled(run: Callable[..., Any]) -> Rung:
    return Rung("tiled", partial(run, product=tiled.pool_tiled), "cupy", "both factors in shared memory")


LADDERS: dict[str, tuple[Rung, ...]] = {
    "pool": (
        _definition(dense.pool_dense),
        _tiled(dense.pool_dense),
        Rung("fused", fused.pool_fused, "cupy", "one filtered image serves every column, then R_j", True),
    ),
    "pool_adjoint": (
        _definition(dense.pool_adjoint_dense),
        _tiled(dense.pool_adjoint_dense),
        Rung("fused", fused.pool_adjoint_fused, "cupy", "all columns scattered into one image, smoothed once", True),
    ),
    "expand": (
        _definition(dense.expand_dense),
        _tiled(dense.expand_dense),
        Rung("fused", fused.expand_fused, "cupy", "a unit's folded weights are an image to smooth", True),
    ),
    "project": (
        _definition(dense.project_dense),
        _tiled(dense.project_dense),
        Rung("fused", fused.project_fused, "cupy", "a unit's gradient is an image to smooth and gather from", True),
    ),
    "layer": (
        _definition(layer.layer_dense_forward),
        Rung("fused", layer.layer_forward, "cupy", "smooth and gather, then a product with R_j w_j a column", True),
    ),
}
