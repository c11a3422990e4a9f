"""The ladders: every way to an operation, from the definition up. Tests, benchmarks and docs read this table.

A rung takes the operation's arguments, the SeparableOperands behind them.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.cpu.combine import columns_forward
from pp_ref.kernels.cpu.conv_layer import conv_dense_forward, conv_forward
from pp_ref.kernels.cpu.conv_pool import conv_pool_loops, conv_pool_patches, conv_pool_stencil
from pp_ref.kernels.cpu.dense import expand_dense, pool_adjoint_dense, pool_dense, project_dense
from pp_ref.kernels.cpu.fused import expand_fused, pool_adjoint_fused, pool_fused, project_fused
from pp_ref.kernels.cpu.layer import layer_forward
from pp_ref.kernels.cpu.pool import pool
from pp_ref.kernels.cpu.shared import pool_shared
from pp_ref.kernels.cpu.slices import pool_slices
from pp_ref.kernels.cpu.stencil import pool_stencil
from pp_ref.kernels.gate import check_rows, new_or_checked
from pp_ref.kernels.operands import SeparableOperands
from pp_ref.kernels.ways import Way

__all__ = ["LADDERS"]


def pool_loops(v: NDArray[Any], o: SeparableOperands, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """The definition, a column after the other."""
    check_rows(o, "d", o.d, v=v)
    out = new_or_checked(out, (len(v), o.ends[-1]), o, v=v)
    return np.concatenate([pool(v, U) for U in o.U], axis=1, out=out)


in_passes = partial(Way, backend="numba", passes=True)  # v K in two short passes

LADDERS: dict[str, tuple[Way, ...]] = {
    "pool": (
        Way("loops", "the definition, with rows of the output across threads", pool_loops, backend="numba"),
        Way("dense", "one BLAS product with all columns side by side", pool_dense),
        Way("shared", "one BLAS product v K for all columns, then a gather", pool_shared),
        Way("slices", "two short passes of shifted slices in place of v K", pool_slices, backend="numpy", passes=True),
        in_passes("stencil", "both passes of an image inside the first-level cache", pool_stencil),
        in_passes("fused", "the gather before the image leaves that cache", pool_fused),
    ),
    "pool_adjoint": (
        Way("dense", "one BLAS product with all columns side by side", pool_adjoint_dense),
        in_passes("fused", "all columns scattered into one image, smoothed once", pool_adjoint_fused),
    ),
    "expand": (
        Way("dense", "one BLAS product a column", expand_dense),
        in_passes("fused", "a unit's folded weights are an image to smooth", expand_fused),
    ),
    "project": (
        Way("dense", "one BLAS product a column", project_dense),
        in_passes("fused", "a unit's gradient is an image to smooth and gather from", project_fused),
    ),
    "layer": (
        Way("dense", "pool by the definition, then combine", columns_forward),
        in_passes("fused", "smooth and gather a tile, then one product with R_j w_j", layer_forward),
    ),
    "conv_pool": (
        Way("loops", "the definition, every element of the dictionary a filter", conv_pool_loops),
        Way(
            "patches",
            "a product with patches, of all channels with the filters of one",
            conv_pool_patches,
        ),
        in_passes("stencil", "a filter a kept row down, one a site across, in the cache", conv_pool_stencil),
    ),
    "conv_layer": (
        Way("dense", "pool by the definition, then combine at every pixel", conv_dense_forward),
        in_passes("stencil", "pool a tile in passes, then one product with R_j w_j", conv_forward),
    ),
}
