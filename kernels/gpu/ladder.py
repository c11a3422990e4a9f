"""The CUDA kernels, and the ladders of what is made with them, from the definition up: tests and benchmarks read these.

A rung of LADDERS takes the operation's arguments with the device's Operands, as those of `pp_ref.kernels.cpu.rungs` do;
a rung of POOL or KERNELS takes what its kernel does.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from pp_ref.kernels.gpu import defined, dense, fused, grids, layer, naive, tiled
from pp_ref.kernels.gpu.launching import Kernel
from pp_ref.kernels.ways import Way

__all__ = ["KERNELS", "LADDERS", "POOL"]


def _grid_kernel(name: str) -> Callable[..., Kernel]:
    return partial(grids.kernel, name)


def _dense_kernel(kernel: Callable[[str], Kernel]) -> Callable[..., Kernel]:
    return lambda dtype, *_: kernel(dtype)


POOL = (
    Way(
        "naive",
        "the definition: a thread an output",
        naive.pool,
        backend="cupy",
        takes="U",
        kernel=_dense_kernel(naive.kernel),
    ),
    Way(
        "tiled",
        "both factors in shared memory, read once for 64 outputs; a thread makes 4 x 4 of them",
        tiled.pool_tiled,
        backend="cupy",
        takes="U",
        kernel=_dense_kernel(tiled.kernel),
    ),
    Way(
        "separable",
        "K = K_y (x) K_x as two filters along an axis, in shared memory, with a window in registers",
        grids.pool_separable,
        backend="cupy",
        takes="grid",
        kernel=_grid_kernel("separable"),
    ),
    Way(
        "gathered",
        "one filtered image serves every column: v is read once, only the kept pixels are written, once",
        grids.pool_gathered,
        backend="cupy",
        takes="grid",
        kernel=_grid_kernel("gathered"),
    ),
    Way(
        "combined",
        "the kept pixels meet the weights where they lie: nothing is written but the layer's pre-activations",
        grids.pool_combined,
        backend="cupy",
        takes="columns",
        kernel=_grid_kernel("combined"),
    ),
)

KERNELS = (
    *POOL,
    Way(
        "scattered",
        "each pixel adds up what the columns have for it, and the image is smoothed where it lies",
        grids.smooth_scatter,
        backend="cupy",
        takes="grid",
        kernel=_grid_kernel("scattered"),
    ),
    Way(
        "defined",
        "the definition again, for the rows that are not finite",
        defined.define,
        backend="cupy",
        takes="flags",
        kernel=_dense_kernel(defined.kernel),
    ),
)


def _definition(run: Callable[..., Any]) -> Way:
    return Way("naive", "the definition: a thread an output", run, backend="cupy")


def _tiled(run: Callable[..., Any]) -> Way:
    return Way("tiled", "both factors in shared memory", partial(run, product=tiled.pool_tiled), backend="cupy")


in_passes = partial(Way, backend="cupy", passes=True)  # v K in two short passes

LADDERS: dict[str, tuple[Way, ...]] = {
    "pool": (
        _definition(dense.pool_dense),
        _tiled(dense.pool_dense),
        in_passes("fused", "one filtered image serves every column, then R_j", fused.pool_fused),
    ),
    "pool_adjoint": (
        _definition(dense.pool_adjoint_dense),
        _tiled(dense.pool_adjoint_dense),
        in_passes("fused", "all columns scattered into one image, smoothed once", fused.pool_adjoint_fused),
    ),
    "expand": (
        _definition(dense.expand_dense),
        _tiled(dense.expand_dense),
        in_passes("fused", "a unit's folded weights are an image to smooth", fused.expand_fused),
    ),
    "project": (
        _definition(dense.project_dense),
        _tiled(dense.project_dense),
        in_passes("fused", "a unit's gradient is an image to smooth and gather from", fused.project_fused),
    ),
    "layer": (
        _definition(layer.layer_dense_forward),
        in_passes("fused", "smooth and gather, then a product with R_j w_j a column", layer.layer_forward),
    ),
}
