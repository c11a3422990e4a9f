"""Convolutional pooling v * U_alpha (paper, sec. 3.4): by loops, by patches, and by two short passes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.kernels.cpu.conv2d import conv2d_loops
from pp_ref.kernels.cpu.conv_stencil import conv_gather
from pp_ref.kernels.gate import check_images, outputs
from pp_ref.kernels.operands import FilterOperands
from pp_ref.layers.predicted_conv2d import dictionary_conv2d_forward

__all__ = ["conv_pool_loops", "conv_pool_patches", "conv_pool_stencil"]

Real = NDArray[Any]  # float32 or float64


def conv_pool_loops(v: Real, f: FilterOperands, stride: int = 1, padding: int = 0) -> Real:
    """[v * U_1, ..., v * U_J] (n, h', w', k_1 + ... + k_J) by the definition: every column of U_j is a filter."""
    check_images(f, "v", v, f.shape[2])
    U = np.hstack(f.o.U)
    return conv2d_loops(v, U.reshape(*f.shape, -1), np.zeros(U.shape[1], U.dtype), stride, padding)


def conv_pool_patches(v: Real, f: FilterOperands, stride: int = 1, padding: int = 0) -> Real:
    """As `conv_pool_loops`, a BLAS product per image and column: patches of all channels by the filters of one."""
    check_images(f, "v", v, f.shape[2])
    pooled, _ = dictionary_conv2d_forward(v, f.tied, f.shape[:2], stride, padding)
    return np.concatenate(pooled, axis=3)


def conv_pool_stencil(
    v: Real, f: FilterOperands, stride: int = 1, padding: int = 0, *, threads: int | None = None
) -> Real:
    """[v * U_1, ..., v * U_J] by `conv_gather`, then a product with R_j at every pixel.

    v        (n, h, w, c) of the filters' dtype; n = 0 and any strides are fine
    stride   int >= 1, pixels from one patch to the next
    padding  int >= 0, pixels of zeros on all four sides
    threads  None: as many as the BLAS. Each owns whole images, so the number changes no bit of the passes
    returns  (n, h', w', k_1 + ... + k_J), a view of maps (k_1 + ... + k_J, n, h', w')
    raises   ShapeError, also for images smaller than the filters; DomainError for another dtype, stride or padding

    `conv_pool_patches` computes everything if v holds NaN or infinity, so that they reach the entries of v * U.
    """
    check_images(f, "v", v, f.shape[2])
    height, width = outputs(f, v.shape[1:3], stride, padding)
    if not np.isfinite(v).all():
        return conv_pool_patches(v, f, stride, padding)
    pooled = np.empty((f.o.ends[-1], len(v), height, width), f.o.dtype)
    conv_gather(np.ascontiguousarray(v), f, pooled, stride, padding, threads)
    if f.o.R is not None:
        c = f.shape[2]
        for part, R in zip(f.o.parts, f.o.R, strict=True):
            sites = pooled[part].reshape(len(R) // c, -1)
            pooled[part] = (R[::c, ::c] @ sites).reshape(pooled[part].shape)  # (k / c, k / c) (k / c, c n h' w')
    return np.moveaxis(pooled, 0, 3)
