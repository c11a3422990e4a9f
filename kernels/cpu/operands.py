"""What the kernels multiply by: the factors of a grid's dictionary in one dtype, and the gate before every kernel."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pp_ref.arrays import check_axes
from pp_ref.dictionaries.dictionary import Dictionary, flush_subnormals
from pp_ref.dictionaries.separable import Separable, cut_taps, separable
from pp_ref.dictionaries.shared import Shared
from pp_ref.errors import DomainError, ShapeError

__all__ = [
    "Columns",
    "Factored",
    "Operands",
    "check_dtype",
    "check_rows",
    "check_weights",
    "new_or_checked",
    "operands",
]

DTYPES = (np.float32, np.float64)
Real = NDArray[Any]  # float32 or float64


@dataclass(frozen=True, eq=False)
class Columns:
    """Any dictionary in one dtype.

    dtype  float32 or float64
    U      J arrays (d, k_j) of dtype, subnormals flushed: the definition
    """

    dtype: np.dtype[Any]
    U: tuple[Real, ...]

    @property
    def d(self) -> int:
        """Inputs."""
        return len(self.U[0])

    @cached_property
    def ends(self) -> list[int]:
        """0, k_1, k_1 + k_2, ...: where each column's part of a (n, k_1 + ... + k_J) array begins and ends."""
        return [0, *np.cumsum([U.shape[1] for U in self.U]).tolist()]

    @property
    def parts(self) -> list[slice]:
        """The J slices that `ends` bound."""
        return [slice(start, end) for start, end in pairwise(self.ends)]

    @cached_property
    def beside(self) -> Real:
        """[U_1, ..., U_J] (d, k_1 + ... + k_J)."""
        return np.concatenate(self.U, axis=1)

    @cached_property
    def beneath(self) -> Real:
        """Its transpose, C-contiguous: BLAS multiplies by it a sixth faster than by the transposed view."""
        return np.ascontiguousarray(self.beside.T)


@dataclass(frozen=True, eq=False)
class Factored(Columns):
    """A dictionary whose U_j = K[:, alpha_j] R_j, in one dtype. Each part is computed when a kernel first asks for it.

    factors  K, alpha_j and R_j in float64
    """

    factors: Separable | Shared

    @cached_property
    def alpha(self) -> NDArray[np.int64]:
        """alpha_1, ..., alpha_J, one after the other."""
        return np.concatenate(self.factors.alpha)

    @cached_property
    def R(self) -> tuple[Real, ...] | None:
        """R_j in dtype, or None where all are I."""
        return None if self.factors.R is None else tuple(self._cast(R) for R in self.factors.R)

    @cached_property
    def K(self) -> Real:
        """K (d, d) in dtype, in full, or the columns of it that are kept."""
        return self._cast(self.factors.K())

    def _cast(self, array: NDArray[Any]) -> Real:
        return flush_subnormals(array.astype(self.dtype))

    def fold(self, w: Sequence[Real]) -> list[Real]:
        """R_j w_j, for v U_j w_j = (v K)[:, alpha_j] (R_j w_j): once a step, in place of R_j for every example."""
        if self.R is None:
            return list(w)
        return [R @ w_j for R, w_j in zip(self.R, w, strict=True)]  # (k, k) (k, m_j)


@dataclass(frozen=True, eq=False)
class Operands(Factored):
    """A grid's dictionary in one dtype, whose K is a product of axes."""

    factors: Separable

    @cached_property
    def taps(self) -> tuple[Real, Real]:
        """k(0), ..., k(T) along height and width, in dtype."""
        return cut_taps(self.factors.taps[0], self.dtype), cut_taps(self.factors.taps[1], self.dtype)


def operands(dictionary: Dictionary, dtype: DTypeLike) -> Operands:
    """The factors of a dictionary in a dtype.

    raises  DomainError for another dtype than float32 or float64, or a dictionary that has no such factors
    """
    found = separable(dictionary)
    if found is None:
        raise DomainError(
            f"dictionary is of kind {dictionary.recipe.kind}, expected kind se on a Grid or Frames, whose K is a "
            "product of axes: use pp_ref.layers.predicted"
        )
    if np.dtype(dtype) not in DTYPES:
        raise DomainError(f"dtype is {np.dtype(dtype)}, expected float32 or float64")
    return Operands(np.dtype(dtype), tuple(dictionary.U(dtype)), found)


def check_dtype(o: Columns, **arrays: NDArray[Any]) -> None:
    """raises DomainError unless every array is a NumPy array of the operands' dtype"""
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise DomainError(f"{name} is a {type(array).__name__}, expected a NumPy array: use numpy.asarray({name})")
        if array.dtype != o.dtype:
            raise DomainError(f"{name} is {array.dtype} but the dictionary {o.dtype}: cast one with astype")


def check_rows(o: Columns, axis: str, length: int, **arrays: NDArray[Any]) -> None:
    """raises ShapeError unless every array is (n, length), DomainError for another dtype"""
    for name, array in arrays.items():
        check_dtype(o, **{name: array})
        check_axes(f"n {axis}", **{name: array})
        if array.shape[1] != length:
            raise ShapeError(f"axis {axis} is {array.shape[1]} in {name} but {length} in the dictionary")


def check_weights(o: Columns, w: Sequence[NDArray[Any]]) -> None:
    """raises ShapeError unless w is J arrays (k_j, m_j), DomainError for another dtype"""
    if len(w) != len(o.U):
        raise ShapeError(f"w has {len(w)} columns, but the dictionary {len(o.U)}: expected the same number")
    for j, (w_j, U_j) in enumerate(zip(w, o.U, strict=True)):
        check_dtype(o, **{f"w[{j}]": w_j})
        if w_j.ndim != 2 or len(w_j) != U_j.shape[1]:  # a message takes longer to prepare than a small product
            check_axes("d k, k m", **{f"U[{j}]": U_j, f"w[{j}]": w_j})


def new_or_checked(out: Real | None, shape: tuple[int, int], o: Columns, **inputs: NDArray[Any]) -> Real:
    """``out``, if a kernel can write into it while it reads the inputs, or a new array.

    raises  ShapeError, DomainError
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
