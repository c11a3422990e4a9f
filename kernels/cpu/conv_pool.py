"""Convolutional pooling v * U_alpha (paper, sec. 3.4): loops that define it, patches, and two short passes."""

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
    """[v * U_1, ..., v * U_J] (n, h', w', k_1 + ... + k_J): every element of the dictionary is a filter."""
    check_images(f, "v", v, f.shape[2])
    U = np.hstack(f.o.U)
    return conv2d_loops(v, U.reshape(*f.shape, -1), np.zeros(U.shape[1], U.dtype), stride, padding)


def conv_pool_patches(v: Real, f: FilterOperands, stride: int = 1, padding: int = 0) -> Real:
    """A BLAS product an image and column, of the patches of all channels with the filters of one."""
    check_images(f, "v", v, f.shape[2])
    pooled, _ = dictionary_conv2d_forward(v, f.tied, f.shape[:2], stride, padding)
    return np.concatenate(pooled, axis=3)


def conv_pool_stencil(
    v: Real, f: FilterOperands, stride: int = 1, padding: int = 0, *, threads: int | None = None
) -> Real:
    """The pooled maps one after the other in memory, (k, n, h', w'), seen as (n, h', w', k).

    v        (n, h, w, c) of the filters' dtype; n = 0 and any strides are fine
    stride   int >= 1, pixels from one patch to the next
    padding  int >= 0, pixels of zeros on all four sides
    threads  None: those of the BLAS. Each owns whole images: the passes' bits do not depend on their number
    raises   ShapeError, also for images smaller than the filters; DomainError

    If v holds NaN or infinity, all is pooled by the definition, so that they go where v * U takes them.
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
