"""A grid's dictionary made ready for kernels on a CUDA device, in one dtype."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.arrays import Array, check_axes
from pp_ref.dictionaries.dictionary import Dictionary
from pp_ref.errors import DeviceError, DomainError, ShapeError
from pp_ref.kernels import operands as host
from pp_ref.kernels.factors import Separable, cut_taps
from pp_ref.kernels.gpu.grids import MOST_HALF, gather_smooth, inverse, shared_bytes, smooth_scatter
from pp_ref.kernels.gpu.launching import UNASKED, gate
from pp_ref.machine import gpu_absence

__all__ = [
    "INSTEAD",
    "DeviceOperands",
    "check_project",
    "check_rows",
    "check_weights",
    "current",
    "device_operands",
    "fits",
    "to_device",
]

INSTEAD = "pp_ref.layers.predicted"


@dataclass(frozen=True, eq=False)
class DeviceOperands:
    """A grid's dictionary in one dtype on the current device. Each part is moved there at its first use.

    host  the operands in the processor's memory
    """

    host: host.SeparableOperands

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.host.dtype

    @cached_property
    def U(self) -> Array:
        """[U_1, ..., U_J] (d, k_1 + ... + k_J), subnormals flushed: the definition."""
        return _moved(np.concatenate(self.host.U, axis=1))

    @cached_property
    def taps(self) -> tuple[Array, Array]:
        """k(T), ..., k(0), ..., k(T) along height and width, for the larger T of the two."""
        half = max(axis.size for axis in self.host.taps) - 1
        sides = [np.pad(axis, (0, half + 1 - axis.size)) for axis in self.host.taps]
        y, x = (_moved(np.concatenate([axis[:0:-1], axis])) for axis in sides)
        return y, x

    @cached_property
    def alpha(self) -> list[Array]:
        """alpha_1, ..., alpha_J, then all of them one after the other: J + 1 int32 arrays."""
        return [_moved(alpha.astype(np.int32)) for alpha in (*self.host.factors.alpha, self.host.alpha)]

    @cached_property
    def inverses(self) -> list[tuple[Array, Array]]:
        """`pp_ref.kernels.gpu.grids.inverse` of each array of `alpha`."""
        found = [inverse(alpha, self.host.d) for alpha in (*self.host.factors.alpha, self.host.alpha)]
        return [(_moved(starts), _moved(entries)) for starts, entries in found]

    @cached_property
    def R(self) -> list[Array] | None:
        """R_j, or None if all are I."""
        return None if self.host.R is None else [_moved(R) for R in self.host.R]

    def fold(self, w: Sequence[Array]) -> list[Array]:
        """R_j w_j for every column, computed once a step."""
        return list(w) if self.R is None else [R @ w_j for R, w_j in zip(self.R, w, strict=True)]  # (k, k) (k, m_j)

    def gather(self, v: Array, column: int = -1, out: Array | None = None) -> tuple[Array, Array]:
        """(v K)[:, alpha_j] of one column, or of all side by side, and which examples are finite."""
        return gather_smooth(v, *self.taps, self.alpha[column], *self.host.factors.sizes, out=out)

    def scatter(self, g: Array, column: int = -1, out: Array | None = None) -> tuple[Array, Array]:
        """g S^T K, S = I[:, alpha_j], of one column, or of all together, and which examples are finite."""
        return smooth_scatter(g, *self.taps, *self.inverses[column], *self.host.factors.sizes, out=out)


def _moved(array: Any) -> Array:
    """Return the array on the current device, after the copy is done, so that any stream may read it."""
    import cupy

    moved = cupy.asarray(array)
    cupy.cuda.get_current_stream().synchronize()
    return moved


def device_operands(dictionary: Dictionary, dtype: DTypeLike) -> DeviceOperands:
    """Return the separable operands of a dictionary in a dtype on the current device.

    raises  DomainError as `pp_ref.kernels.operands.separable_operands`, and if a block cannot hold an image with its
            taps; DeviceError without a GPU
    """
    found = host.separable_operands(dictionary, dtype)
    if absence := gpu_absence():
        raise DeviceError(f"{absence}: use {INSTEAD}")
    return to_device(found)


def current(cache: host.OperandCache, dtype: DTypeLike) -> DeviceOperands:
    """Return the separable operands of a dictionary on the current device, made once for each device and dtype.

    raises  DomainError as `to_device`
    """
    import cupy

    def make() -> DeviceOperands:
        found = cache.host(dtype)
        assert isinstance(found, host.SeparableOperands)
        return to_device(found)

    return cache.once(f"device {cupy.cuda.runtime.getDevice()}", dtype, make)


def to_device(found: host.SeparableOperands) -> DeviceOperands:
    """Return the operands on the current device; raises DomainError if a block cannot hold an image with its taps."""
    if not fits(found.factors, found.dtype):
        size = " x ".join(map(str, found.factors.sizes))
        raise DomainError(
            f"an image of {size} with its taps does not fit into the shared memory of this GPU, or its taps reach over "
            f"more than {MOST_HALF} pixels: use {INSTEAD}"
        )
    return DeviceOperands(found)


def fits(factors: Separable, dtype: DTypeLike) -> bool:
    """Whether a block on the current device can hold an image with its taps."""
    import cupy

    runtime = cupy.cuda.runtime
    half = max(cut_taps(axis, dtype).size for axis in factors.taps) - 1
    needed = shared_bytes(1, half, *factors.sizes, np.dtype(dtype).itemsize)
    attribute = runtime.cudaDevAttrMaxSharedMemoryPerBlockOptin
    limit = max(UNASKED, runtime.deviceGetAttribute(attribute, runtime.getDevice()))
    return half <= MOST_HALF and needed <= limit


def check_rows(o: DeviceOperands, axis: str, length: int, **arrays: Array) -> list[Array]:
    """Return the arrays on the current device, C-contiguous.

    raises  ShapeError unless every one is (n, length); DeviceError, DomainError as `gate`
    """
    for name, array in arrays.items():
        check_axes(f"n {axis}", **{name: array})
        if array.shape[1] != length:
            raise ShapeError(f"axis {axis} is {array.shape[1]} in {name} but {length} in the dictionary")
    return gate(INSTEAD, **arrays, U=o.U)[:-1]


def check_weights(o: DeviceOperands, w: Sequence[Array]) -> list[Array]:
    """Return w on the current device.

    raises  ShapeError unless w is J arrays (k_j, m_j); DeviceError, DomainError as `gate`
    """
    if len(w) != len(o.host.U):
        raise ShapeError(f"w has {len(w)} columns, but the dictionary {len(o.host.U)}: expected the same number")
    for j, (w_j, U_j) in enumerate(zip(w, o.host.U, strict=True)):
        check_axes("d k, k m", **{f"U[{j}]": U_j, f"w[{j}]": w_j})
    return gate(INSTEAD, **{f"w[{j}]": w_j for j, w_j in enumerate(w)}, U=o.U)[:-1]


def check_project(G: Array, o: DeviceOperands, widths: Sequence[int]) -> Array:
    """Return G on the current device.

    raises  ShapeError unless G is (d, m) and the J widths add up to m; DeviceError, DomainError as `gate`
    """
    check_axes("d k, d m", **{"U[0]": o.host.U[0], "G": G})
    if len(widths) != len(o.host.U) or sum(widths) != G.shape[1]:
        raise ShapeError(
            f"widths are {list(widths)}, expected {len(o.host.U)}, one per column, with the sum {G.shape[1]}, the "
            "units of G"
        )
    return gate(INSTEAD, G=G, U=o.U)[0]
