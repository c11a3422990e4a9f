"""A dictionary made ready for kernels, in one dtype on one device. Each part is computed at its first use.

`OperandCache` holds all operands of one dictionary. Each class adds a structure of U_j:

    Operands           any dictionary
    FactoredOperands   U_j = K[:, alpha_j] R_j
    SeparableOperands  and K is a product of axes
    FilterOperands     and the columns keep the same sites in every channel: filters of a convolution

`pp_ref.kernels.gpu.operands.DeviceOperands` are separable operands on a CUDA device.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pp_ref.arrays import Array, array_namespace, real_part
from pp_ref.dictionaries.dictionary import Dictionary, flush_subnormals
from pp_ref.errors import DomainError
from pp_ref.kernels.factors import Separable, Shared, cut_taps, separable, shared
from pp_ref.layers.predicted_conv2d import expand_filters_backward, expand_filters_forward

__all__ = [
    "FactoredOperands",
    "FilterOperands",
    "LearnedOperands",
    "OperandCache",
    "Operands",
    "SeparableOperands",
    "filter_operands",
    "separable_operands",
]

T = TypeVar("T")
DTYPES = (np.float32, np.float64)
Real = NDArray[Any]  # float32 or float64


@dataclass(frozen=True, eq=False)
class Operands:
    """Any dictionary in one dtype.

    dtype  float32 or float64
    U      J arrays (d, k_j) of dtype, subnormals flushed: the definition
    """

    dtype: np.dtype[Any]
    U: tuple[Real, ...]

    @property
    def d(self) -> int:
        """Number of inputs."""
        return len(self.U[0])

    @cached_property
    def ends(self) -> list[int]:
        """0, k_1, k_1 + k_2, ...: the ends of each column's part of an array (n, k_1 + ... + k_J)."""
        return [0, *np.cumsum([U.shape[1] for U in self.U]).tolist()]

    @property
    def parts(self) -> list[slice]:
        """The J slices of an array (n, k_1 + ... + k_J), one per column."""
        return [slice(start, end) for start, end in pairwise(self.ends)]

    @cached_property
    def beside(self) -> Real:
        """[U_1, ..., U_J] (d, k_1 + ... + k_J)."""
        return np.concatenate(self.U, axis=1)

    @cached_property
    def beneath(self) -> Real:
        """The transpose of `beside`, C-contiguous: BLAS multiplies by it a sixth faster than by a transposed view."""
        return np.ascontiguousarray(self.beside.T)


@dataclass(frozen=True, eq=False)
class FactoredOperands(Operands):
    """A dictionary with U_j = K[:, alpha_j] R_j, in one dtype. Each part is computed at its first use.

    factors  K, alpha_j and R_j in float64
    """

    factors: Separable | Shared

    @cached_property
    def alpha(self) -> NDArray[np.int64]:
        """alpha_1, ..., alpha_J, one after the other."""
        return np.concatenate(self.factors.alpha)

    @cached_property
    def R(self) -> tuple[Real, ...] | None:
        """R_j in dtype, or None if all are I."""
        return None if self.factors.R is None else tuple(self._cast(R) for R in self.factors.R)

    @cached_property
    def K(self) -> Real:
        """K in dtype: (d, d) if it is a product of axes, else its kept columns (d, q)."""
        return self._cast(self.factors.K())

    def _cast(self, array: NDArray[Any]) -> Real:
        return flush_subnormals(array.astype(self.dtype))

    def fold(self, w: Sequence[Real]) -> list[Real]:
        """R_j w_j, so that v U_j w_j = (v K)[:, alpha_j] (R_j w_j): R_j multiplies w_j, not every example."""
        if self.R is None:
            return list(w)
        return [R @ w_j for R, w_j in zip(self.R, w, strict=True)]  # (k, k) (k, m_j)


@dataclass(frozen=True, eq=False)
class SeparableOperands(FactoredOperands):
    """A grid's dictionary in one dtype; its K is a product of axes."""

    factors: Separable

    @cached_property
    def taps(self) -> tuple[Real, Real]:
        """k(0), ..., k(T) along height and width, in dtype."""
        return cut_taps(self.factors.taps[0], self.dtype), cut_taps(self.factors.taps[1], self.dtype)


def separable_operands(dictionary: Dictionary, dtype: DTypeLike) -> SeparableOperands:
    """Return the separable operands of a dictionary in a dtype.

    raises  DomainError for another dtype than float32 or float64, or if K is no product of axes
    """
    found = separable(dictionary)
    if found is None:
        raise DomainError(
            f"dictionary is of kind {dictionary.recipe.kind}, expected kind se on a Grid or Frames, whose K is a "
            "product of axes: use pp_ref.layers.predicted"
        )
    if np.dtype(dtype) not in DTYPES:
        raise DomainError(f"dtype is {np.dtype(dtype)}, expected float32 or float64")
    return SeparableOperands(np.dtype(dtype), tuple(dictionary.U(dtype)), found)


@dataclass(frozen=True, eq=False)
class FilterOperands:
    """The factors of U_j = (K_s[:, sites_j] R_j) (x) I_c, K_s = K_y (x) K_x over a window of fh x fw.

    o      dtype, taps, R_j and U_j
    sites  J index arrays: the sites of the window that column j keeps, in every channel
    """

    o: SeparableOperands
    sites: tuple[NDArray[np.intp], ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """fh, fw, c"""
        return self.o.factors.sizes

    @cached_property
    def _axes(self) -> tuple[Real, Real, NDArray[np.intp]]:
        (fh, fw, _), taps = self.shape, self.o.taps
        iy, ix = np.divmod(np.concatenate(self.sites), fw)
        rows, row = np.unique(iy, return_inverse=True)
        down, across = (
            np.pad(axis, (0, size))[abs(np.subtract.outer(kept, np.arange(size)))]
            for axis, kept, size in zip(taps, (rows, ix), (fh, fw), strict=True)
        )
        return down, across, row

    @property
    def down(self) -> Real:
        """(D, fh): K_y[:, a_y] for each of the D different rows with a kept site."""
        return self._axes[0]

    @property
    def across(self) -> Real:
        """(S, fw): K_x[:, a_x] for each site of each column."""
        return self._axes[1]

    @property
    def row(self) -> NDArray[np.intp]:
        """(S,): the number of each site's row among the D rows."""
        return self._axes[2]

    @property
    def tied(self) -> list[Real]:
        """J arrays (fh fw, k_j / c): U_j of one channel, as `pp_ref.layers.predicted_conv2d` takes it."""
        c = self.shape[2]
        return [U[::c, ::c] for U in self.o.U]

    def fold(self, w: Sequence[Real]) -> list[Real]:
        """R_j w_j, so that v * U_j w_j = (v * K[:, alpha_j]) (R_j w_j); one channel's R_j multiplies all channels."""
        if self.o.R is None:
            return list(w)
        c = self.shape[2]
        return [
            (R[::c, ::c] @ w_j.reshape(len(w_j) // c, -1)).reshape(w_j.shape)  # (k / c, k / c) (k / c, c m_j)
            for R, w_j in zip(self.o.R, w, strict=True)
        ]


def filter_operands(o: SeparableOperands) -> FilterOperands:
    """Return the operands of a convolution, for a dictionary over a window of fh x fw pixels.

    raises  DomainError if a column keeps other sites in one channel than in the next
    """
    c, sites = o.factors.sizes[2], []
    for j, alpha in enumerate(o.factors.alpha):
        if not tied(alpha, c):
            raise DomainError(
                f"column {j} of the dictionary keeps other sites in one channel than in the next, expected the same in "
                f"all {c}: make it with alpha tied across channels, or use pp_ref.layers.predicted_conv2d"
            )
        sites.append(alpha[::c] // c)
    return FilterOperands(o, tuple(sites))


def tied(alpha: NDArray[Any], channels: int) -> bool:
    """Whether alpha keeps the same sites in each of the channels, in the order of `Grid`."""
    sites = alpha[::channels] // channels
    return alpha.size == sites.size * channels and bool(
        np.all(alpha.reshape(-1, channels) == sites[:, None] * channels + np.arange(channels))
    )


class LearnedOperands:
    """Weights W that are a product of learned arrays: W = w_1, or W = w_1 w_2 of low rank."""

    def __init__(self) -> None:
        self.plans: dict[Any, Any] = {}  # as in `OperandCache`

    def filter_factors(self, filter_shape: tuple[int, int]) -> None:
        """None: learned filters have no static factors."""

    def expand(self, w: Sequence[Array]) -> tuple[Array, Sequence[Array]]:
        """W (d, m), and the cache of `expand_backward`."""
        return (w[0] if len(w) == 1 else w[0] @ w[1]), w

    def expand_backward(self, dW: Array, cache: Sequence[Array]) -> list[Array]:
        """Pull dW (d, m) back to the learned arrays."""
        return [dW] if len(cache) == 1 else [dW @ cache[1].T, cache[0].T @ dW]


class OperandCache:
    """All operands of one dictionary, made at their first use and kept by dtype and device.

    dictionary  any kind
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self.plans: dict[Any, Any] = {}  # the plans of `pp_ref.kernels.choose`, by problem
        self._kept: dict[tuple[str, np.dtype[Any]], Any] = {}

    @cached_property
    def separable(self) -> Separable | None:
        """The factors if K is a product of axes, else None."""
        return separable(self.dictionary)

    @cached_property
    def shared(self) -> Shared | None:
        """The factors through one K for all columns; None if there are none, or if K is a product of axes."""
        return None if self.separable else shared(self.dictionary)

    def shared_for(self, dtype: DTypeLike) -> Shared | None:
        """The shared factors if they reproduce U_j within the unit roundoff of the dtype, else None."""
        return self.shared if self.shared and self.shared.residual <= np.finfo(dtype).eps / 2 else None

    @cached_property
    def copies(self) -> int:
        """c if every U_j = U_s (x) I_c for the c channels, so that expanding takes c times fewer flops; else 1."""
        tied = all(column.structure == "channel-tied" for column in self.dictionary.columns)
        return self.dictionary.space.channels if tied else 1

    def filter_factors(self, filter_shape: tuple[int, int]) -> Separable | None:
        """The separable factors if filters are (height, width) and keep the same sites in all channels; or None."""
        tied = self.copies == self.dictionary.space.channels
        return self.separable if self.separable and tied and self.separable.sizes[:2] == filter_shape else None

    def U(self, like: Array) -> list[Array]:
        """J arrays U_j (d, k_j) in the array library and the real dtype of `like`."""
        xp, dtype = array_namespace(like), np.dtype(str(real_part(like).dtype).rpartition(".")[2])
        return self.once(xp.__name__, dtype, lambda: [xp.asarray(U) for U in self.dictionary.U(dtype)])

    def host(self, dtype: DTypeLike) -> Operands:
        """The operands in the processor's memory, in float32 or float64, with all factors that the dtype allows."""

        def make() -> Operands:
            U, of, K = tuple(self.dictionary.U(dtype)), np.dtype(dtype), self.shared_for(dtype)
            if self.separable:
                return SeparableOperands(of, U, self.separable)
            return FactoredOperands(of, U, K) if K else Operands(of, U)

        return self.once("host", dtype, make)

    def filters(self, dtype: DTypeLike) -> FilterOperands:
        """The operands of a convolution in the processor's memory; `filter_factors` must not be None.

        raises  DomainError as `filter_operands`
        """
        return self.once("filters", dtype, lambda: filter_operands(cast(SeparableOperands, self.host(dtype))))

    def expand(self, w: Sequence[Array]) -> tuple[Array, Any]:
        """W = [U_1 w_1, ..., U_J w_J] (d, m), and the cache of `expand_backward`."""
        c, d = self.copies, self.dictionary.space.size
        W, cache = expand_filters_forward([U[::c, ::c] for U in self.U(w[0])], w, (d // c, 1), c)
        return array_namespace(W).reshape(W, (d, -1)), cache

    def expand_backward(self, dW: Array, cache: Any) -> list[Array]:
        """Pull dW (d, m) back to dw_j (k_j, m_j)."""
        c, (d, m) = self.copies, dW.shape
        return expand_filters_backward(array_namespace(dW).reshape(dW, (d // c, 1, c, m)), cache)

    def once(self, place: str, dtype: DTypeLike, make: Callable[[], T]) -> T:
        """Return the result of `make`, called once for each name of a place and each dtype."""
        key = (place, np.dtype(dtype))
        if key not in self._kept:
            self._kept[key] = make()
        return cast(T, self._kept[key])
