"""The array types that every layer accepts, and the gate that checks their axes.

The hand-written passes use the array-API subset, so the same lines run on NumPy, CuPy and
array-api-strict. `Array` is any array of such a library.
"""

from collections.abc import Callable
from typing import Any, SupportsIndex

import numpy as np
from array_api_compat import array_namespace, is_cupy_array, is_numpy_array
from numpy.typing import NDArray

from pp_ref.errors import DomainError, ShapeError

Array = Any

__all__ = [
    "Array",
    "array_namespace",
    "check_axes",
    "check_finite",
    "check_fraction",
    "check_integer",
    "check_positive",
    "check_rate",
    "into",
    "is_cupy_array",
    "real_part",
    "to_numpy",
]


def check_axes(spec: str, **arrays: Array) -> dict[str, int]:
    """Check that each axis letter has one size, and return the sizes.

    spec    the axes of each array in turn, e.g. ``"n d, d k, k m"``
    arrays  the arrays, in the order of ``spec``
    raises  ShapeError naming the two arrays that disagree, or the array with the wrong number of axes
    """
    owner: dict[str, tuple[str, int]] = {}
    for letters, (name, array) in zip(spec.split(", "), arrays.items(), strict=True):
        axes = letters.split()
        if array.ndim != len(axes):
            raise ShapeError(f"{name} has shape {tuple(array.shape)}, expected axes ({', '.join(axes)})")
        for axis, size in zip(axes, array.shape, strict=True):
            first, expected = owner.setdefault(axis, (name, size))
            if size != expected:
                raise ShapeError(f"axis {axis} is {expected} in {first} but {size} in {name}")
    return {axis: size for axis, (_, size) in owner.items()}


def check_finite(**arrays: Array) -> None:
    """Refuse NaN and infinity.

    raises  DomainError with the argument's name, how many entries are not finite, and the first one's index
    """
    for name, array in arrays.items():
        xp = array_namespace(array)
        bad = ~xp.isfinite(array)
        if xp.any(bad):
            first = tuple(int(axis[0]) for axis in xp.nonzero(bad))
            raise DomainError(
                f"{name} has {int(xp.sum(xp.astype(bad, xp.int64)))} entries that are NaN or infinite, first at "
                f"{first}; expected finite numbers: remove or repair those rows"
            )


def check_positive(**values: float) -> None:
    """Refuse anything that is not > 0 and finite, NaN included.

    raises  DomainError with the argument's name and value
    """
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise DomainError(f"{name} is {value}, expected a finite number > 0")


def check_fraction(**values: float) -> None:
    """Refuse anything outside (0, 1], NaN included.

    raises  DomainError with the argument's name and value
    """
    for name, value in values.items():
        if not 0 < value <= 1:
            raise DomainError(f"{name} is {value}, expected a number in (0, 1]: 1 keeps everything")


def check_integer(least: int, **values: int) -> None:
    """Refuse anything that is not an integer >= ``least``.

    raises  DomainError with the argument's name and value
    """
    for name, value in values.items():
        if not isinstance(value, SupportsIndex) or value < least:
            raise DomainError(f"{name} is {value!r}, expected an integer >= {least}")


def check_rate(**values: float) -> None:
    """Refuse anything outside [0, 1), NaN included.

    raises  DomainError with the argument's name and value
    """
    for name, value in values.items():
        if not 0 <= value < 1:
            raise DomainError(f"{name} is {value}, expected a number in [0, 1): 0 switches it off")


def real_part(x: Array) -> Array:
    """Return Re x, for comparisons and maxima: a complex step then takes the branch of its real point."""
    xp = array_namespace(x)
    return xp.real(x) if xp.isdtype(x.dtype, "complex floating") else x


def into(function: Callable[..., Array], *arrays: Array, out: Array) -> Array:
    """Return function(*arrays), written into ``out`` if the library has output arguments, to save memory.

    out      an array of the result's shape and dtype, of the same library; it may be one of ``arrays`` if ``function``
             is elementwise
    returns  ``out`` for NumPy and CuPy; a new array otherwise, since the standard has no output arguments
    """
    if is_numpy_array(out) or is_cupy_array(out):
        return function(*arrays, out=out)
    return function(*arrays)


def to_numpy(x: Array) -> NDArray[Any]:
    """Return x as a NumPy array, for files, SciPy and Matplotlib. A NumPy array is returned as it is."""
    array: NDArray[Any] = x.get() if is_cupy_array(x) else np.asarray(x)
    return array
