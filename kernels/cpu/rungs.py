"""The ladders: every way to an operation, from the definition up. Tests, benchmarks and docs read this table.

A rung takes the operation's arguments, the Operands behind them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.cpu.combine import columns_forward
from pp_ref.kernels.cpu.conv_layer import conv_dense_forward, conv_forward
from pp_ref.kernels.cpu.conv_pool import conv_pool_loops, conv_pool_patches, conv_pool_stencil
from pp_ref.kernels.cpu.dense import expand_dense, pool_adjoint_dense, pool_dense, project_dense
from pp_ref.kernels.cpu.fused import expand_fused, pool_adjoint_fused, pool_fused, project_fused
from pp_ref.kernels.cpu.layer import layer_forward
from pp_ref.kernels.cpu.operands import Operands, check_rows, new_or_checked
from pp_ref.kernels.cpu.pool import pool
from pp_ref.kernels.cpu.shared import pool_shared
from pp_ref.kernels.cpu.slices import pool_slices
from pp_ref.kernels.cpu.stencil import pool_stencil
from pp_ref.kernels.rung import Rung

__all__ = ["LADDERS"]


def pool_loops(v: NDArray[Any], o: Operands, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """The definition, a column after the other."""
    check_rows(o, "d", o.d, v=v)
    out = new_or_checked(out, (len(v), o.ends[-1]), o, v=v)
    return np.concatenate([pool(v, U) for U in o.U], axis=1, out=out)


LADDERS: dict[str, tuple[Rung, ...]] = {
    "pool": (
        Rung("loops", pool_loops, "numba", "the definition, with rows of the output across threads"),
        Rung("dense", pool_dense, "numpy", "one BLAS product with all columns side by side"),
        Rung("shared", pool_shared, "numpy", "one BLAS product v K for all columns, then a gather"),
        Rung("slices", pool_slices, "numpy", "two short passes of shifted slices in place of v K", True),
        Rung("stencil", pool_stencil, "numba", "both passes of an image inside the first-level cache", True),
        Rung("fused", pool_fused, "numba", "the gather before the image leaves that cache", True),
    ),
    "pool_adjoint": (
        Rung("dense", pool_adjoint_dense, "numpy", "one BLAS product with all columns side by side"),
        Rung("fused", pool_adjoint_fused, "numba", "all columns scattered into one image, smoothed once", True),
    ),
    "expand": (
        Rung("dense", expand_dense, "numpy", "one BLAS product a column"),
        Rung("fused", expand_fused, "numba", "a unit's folded weights are an image to smooth", True),
    ),
    "project": (
        Rung("dense", project_dense, "numpy", "one BLAS product a column"),
        Rung("fused", project_fused, "numba", "a unit's gradient is an image to smooth and gather from", True),
    ),
    "layer": (
        Rung("dense", columns_forward, "numpy", "pool by the definition, then combine"),
        Rung("fused", layer_forward, "numba", "smooth and gather a tile, then one product with R_j w_j", True),
    ),
    "conv_pool": (
        Rung("loops", conv_pool_loops, "numpy", "the definition, every element of the dictionary a filter"),
        Rung("patches", conv_pool_patches, "numpy", "a product with patches, of all channels with the filters of one"),
        Rung("stencil", conv_pool_stencil, "numba", "a filter a kept row down, one a site across, in the cache", True),
    ),
    "conv_layer": (
        Rung("dense", conv_dense_forward, "numpy", "pool by the definition, then combine at every pixel"),
        Rung("stencil", conv_forward, "numba", "pool a tile in passes, then one product with R_j w_j", True),
    ),
}
