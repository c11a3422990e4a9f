"""The CUDA kernels, and the ladders of the operations that use them, from the definition up, for tests and benchmarks.

A rung of LADDERS takes the operation's arguments, then `DeviceOperands`; a rung of POOL or KERNELS takes those of its
kernel.
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
        "the definition: a thread per output",
        naive.pool,
        backend="cupy",
        takes="U",
        kernel=_dense_kernel(naive.kernel),
    ),
    Way(
        "tiled",
        "both factors in shared memory, read once for 64 outputs; a thread computes 4 x 4 of them",
        tiled.pool_tiled,
        backend="cupy",
        takes="U",
        kernel=_dense_kernel(tiled.kernel),
    ),
    Way(
        "separable",
        "K = K_y (x) K_x as two one-dimensional filters in shared memory, with a window in registers",
        grids.pool_separable,
        backend="cupy",
        takes="grid",
        kernel=_grid_kernel("separable"),
    ),
    Way(
        "gathered",
        "an image is filtered once for all columns; only the kept pixels are written",
        grids.pool_gathered,
        backend="cupy",
        takes="grid",
        kernel=_grid_kernel("gathered"),
    ),
    Way(
        "combined",
        "the kept pixels are multiplied by the weights in shared memory; only y is written",
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
        "each pixel sums its entries of all columns, and the image is filtered in shared memory",
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
    return Way("naive", "the definition: a thread per output", run, backend="cupy")


def _tiled(run: Callable[..., Any]) -> Way:
    return Way("tiled", "both factors in shared memory", partial(run, product=tiled.pool_tiled), backend="cupy")


in_passes = partial(Way, backend="cupy", passes=True)  # v K in two short passes

LADDERS: dict[str, tuple[Way, ...]] = {
    "pool": (
        _definition(dense.pool_dense),
        _tiled(dense.pool_dense),
        in_passes("fused", "an image is filtered once for all columns, then a product with R_j", fused.pool_fused),
    ),
    "pool_adjoint": (
        _definition(dense.pool_adjoint_dense),
        _tiled(dense.pool_adjoint_dense),
        in_passes("fused", "all columns are scattered into one image, filtered once", fused.pool_adjoint_fused),
    ),
    "expand": (
        _definition(dense.expand_dense),
        _tiled(dense.expand_dense),
        in_passes("fused", "a unit's folded weights are scattered into an image, then filtered", fused.expand_fused),
    ),
    "project": (
        _definition(dense.project_dense),
        _tiled(dense.project_dense),
        in_passes("fused", "a unit's gradient is an image, filtered and gathered from", fused.project_fused),
    ),
    "layer": (
        _definition(layer.layer_dense_forward),
        in_passes("fused", "filter and gather, then a product with R_j w_j per column", layer.layer_forward),
    ),
}
