"""The ladders: the rungs of every operation, from the definition up. Tests, benchmarks and docs read this table.

A rung takes the operation's arguments, then the `SeparableOperands`, or the `FilterOperands` of a convolution.
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
    """[v U_1, ..., v U_J] by the definition, one column after the other."""
    check_rows(o, "d", o.d, v=v)
    out = new_or_checked(out, (len(v), o.ends[-1]), o, v=v)
    return np.concatenate([pool(v, U) for U in o.U], axis=1, out=out)


in_passes = partial(Way, backend="numba", passes=True)  # v K in two short passes

LADDERS: dict[str, tuple[Way, ...]] = {
    "pool": (
        Way("loops", "the definition, with rows of the output divided between threads", pool_loops, backend="numba"),
        Way("dense", "one BLAS product for all columns side by side", pool_dense),
        Way("shared", "one BLAS product v K for all columns, then a gather", pool_shared),
        Way("slices", "v K in two short passes of shifted slices", pool_slices, backend="numpy", passes=True),
        in_passes("stencil", "v K in two short passes, an image at a time, in the first-level cache", pool_stencil),
        in_passes("fused", "as stencil, with the gather while the image is in that cache", pool_fused),
    ),
    "pool_adjoint": (
        Way("dense", "one BLAS product for all columns side by side", pool_adjoint_dense),
        in_passes("fused", "all columns are scattered into one image, multiplied by K once", pool_adjoint_fused),
    ),
    "expand": (
        Way("dense", "one BLAS product per column", expand_dense),
        in_passes("fused", "a unit's folded weights are scattered into an image, multiplied by K", expand_fused),
    ),
    "project": (
        Way("dense", "one BLAS product per column", project_dense),
        in_passes("fused", "a unit's gradient is an image, multiplied by K and gathered from", project_fused),
    ),
    "layer": (
        Way("dense", "pool by the definition, then combine", columns_forward),
        in_passes("fused", "gather a tile of v K, then one product with R_j w_j", layer_forward),
    ),
    "conv_pool": (
        Way("loops", "the definition: every column of U_j is a filter", conv_pool_loops),
        Way("patches", "a product of the patches of all channels with the filters of one", conv_pool_patches),
        in_passes("stencil", "a pass down per kept row, then one across per site, in the cache", conv_pool_stencil),
    ),
    "conv_layer": (
        Way("dense", "pool by the definition, then combine at every pixel", conv_dense_forward),
        in_passes("stencil", "gather a tile of v * K, then one product with R_j w_j", conv_forward),
    ),
}
