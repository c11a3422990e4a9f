"""The checks of arguments before every way of the processor. A message names the argument that cannot be used."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_integer, check_numpy, check_sizes
from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.operands import FilterOperands, Operands

__all__ = ["check_dtype", "check_images", "check_project", "check_rows", "check_weights", "new_or_checked", "outputs"]

Real = NDArray[Any]  # float32 or float64


def check_dtype(o: Operands, **arrays: NDArray[Any]) -> None:
    """raises DomainError unless every array is a plain NumPy array of the operands' dtype"""
    for name, array in arrays.items():
        if type(array) is np.ndarray and array.dtype == o.dtype:
            continue
        check_numpy(**{name: array})
        if array.dtype != o.dtype:
            raise DomainError(f"{name} is {array.dtype} but the dictionary {o.dtype}: cast one with astype")


def check_rows(o: Operands, axis: str, length: int, **arrays: NDArray[Any]) -> None:
    """raises ShapeError unless every array is (n, length), DomainError for another dtype"""
    for name, array in arrays.items():
        check_dtype(o, **{name: array})
        check_sizes(f"n {axis}", **{name: array})
        if array.shape[1] != length:
            raise ShapeError(f"axis {axis} is {array.shape[1]} in {name} but {length} in the dictionary")


def check_weights(o: Operands, w: Sequence[NDArray[Any]]) -> None:
    """raises ShapeError unless w is J arrays (k_j, m_j), DomainError for another dtype"""
    if len(w) != len(o.U):
        raise ShapeError(f"w has {len(w)} columns, but the dictionary {len(o.U)}: expected the same number")
    for j, (w_j, U_j) in enumerate(zip(w, o.U, strict=True)):
        check_dtype(o, **{f"w[{j}]": w_j})
        if w_j.ndim != 2 or len(w_j) != U_j.shape[1]:  # the call below takes longer than a small product
            check_sizes("d k, k m", **{f"U[{j}]": U_j, f"w[{j}]": w_j})


def new_or_checked(out: Real | None, shape: tuple[int, int], o: Operands, **inputs: NDArray[Any]) -> Real:
    """Return ``out`` if a kernel can write into it while it reads the inputs; a new array if ``out`` is None.

    raises  ShapeError unless out is writeable, C-contiguous and of that shape; DomainError for another dtype, or if it
            overlaps an input
    """
    if out is None:
        return np.empty(shape, o.dtype)
    check_dtype(o, out=out)
    if out.shape != shape or not out.flags.c_contiguous or not out.flags.writeable:
        raise ShapeError(
            f"out has shape {out.shape} and strides {out.strides}, expected a writeable C-contiguous {shape}: omit it, "
            "or make it with numpy.empty"
        )
    for name, array in inputs.items():
        if np.may_share_memory(out, array):
            raise DomainError(f"out overlaps {name} in memory, expected another array: omit it, or pass a fresh one")
    return out


def outputs(f: FilterOperands, image: tuple[int, int], stride: int, padding: int) -> tuple[int, int]:
    """Return h' and w', the numbers of positions of a filter in an image of h x w.

    raises  ShapeError for images smaller than the filters, DomainError for a stride < 1 or a padding < 0
    """
    check_integer(1, stride=stride)
    check_integer(0, padding=padding)
    (fh, fw, _), (h, w) = f.shape, image
    if h + 2 * padding < fh or w + 2 * padding < fw:
        raise ShapeError(f"filters are {fh} x {fw} but images {h} x {w} with padding {padding}: pad more")
    return 1 + (h + 2 * padding - fh) // stride, 1 + (w + 2 * padding - fw) // stride


def check_images(f: FilterOperands, name: str, images: Real, channels: int) -> None:
    """raises ShapeError unless images are (n, height, width, channels), DomainError for another dtype"""
    check_dtype(f.o, **{name: images})
    check_sizes("n h w c", **{name: images})
    if images.shape[3] != channels:
        raise ShapeError(f"axis c is {images.shape[3]} in {name}, but {channels} in the dictionary")


def check_project(G: NDArray[Any], o: Operands, widths: Sequence[int]) -> None:
    """raises ShapeError unless G is (d, m) and the J widths add up to m, DomainError for another dtype"""
    check_dtype(o, G=G)
    check_sizes("d k, d m", **{"U[0]": o.U[0], "G": G})
    if len(widths) != len(o.U) or sum(widths) != G.shape[1]:
        raise ShapeError(
            f"widths are {list(widths)}, expected {len(o.U)}, one per column, with the sum {G.shape[1]}, the units of G"
        )
