"""The array types that every layer accepts, and the gate that checks arguments.

The hand-written passes use the array-API subset, so the same lines run on NumPy, CuPy and
array-api-strict. `Array` is any array of such a library. A public function passes its arrays through `check_arrays`,
or `check_axes`, once; the functions below it trust that.
"""

from collections.abc import Callable
from functools import cache
from numbers import Real
from typing import Any, SupportsIndex

import numpy as np
from array_api_compat import array_namespace, is_cupy_array, is_numpy_array
from numpy.typing import NDArray

from pp_ref.brief import brief_value
from pp_ref.errors import DomainError, ShapeError

Array = Any

__all__ = [
    "Array",
    "array_namespace",
    "check_arrays",
    "check_axes",
    "check_factor",
    "check_finite",
    "check_fraction",
    "check_gradient_of",
    "check_integer",
    "check_not_negative",
    "check_numpy",
    "check_positive",
    "check_rate",
    "check_sizes",
    "into",
    "is_cupy_array",
    "real_part",
    "to_numpy",
]

# What an array may have to hold, with the beginnings of the dtypes' names.
HELD = {
    "floating-point numbers": ("float", "bfloat", "complex"),
    "float32 or float64": ("float32", "float64"),
    "real floating-point numbers": ("float", "bfloat"),
    "uint8, float32 or float64": ("uint8", "float32", "float64"),
    "integers": ("int", "uint"),
    "real numbers": ("bool", "int", "uint", "float", "bfloat"),
    "numbers": ("bool", "int", "uint", "float", "bfloat", "complex"),
    "labels": ("",),
}


def check_arrays(held: str = "floating-point numbers", /, **arrays: Array) -> None:
    """Refuse what is no plain array of such numbers: a list, a masked array, a matrix, an array of another dtype.

    held    what the arrays have to hold, a key of `HELD`
    arrays  the arrays, of any library; one that shows its dtype on a device alone is not asked for it
    raises  DomainError with the argument's name, type, dtype and shape
    """
    for name, array in arrays.items():
        if type(array) is np.ndarray and _holds(held, array.dtype):
            continue
        if not _is_plain(array) or not _names(held, getattr(array, "dtype", None)):
            raise DomainError(_refusal(held, name, array))


def check_numpy(held: str = "floating-point numbers", /, **arrays: Array) -> None:
    """As `check_arrays`, for functions that take NumPy arrays only.

    raises  DomainError
    """
    check_arrays(held, **arrays)
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise DomainError(
                f"{name} is a {type(array).__name__}, expected a NumPy array: use pp_ref.arrays.to_numpy({name})"
            )


def check_factor(**factors: Array | float) -> None:
    """Refuse what is neither a number nor a plain 0-d array of floating-point numbers, for the gradient of a loss.

    raises  DomainError as `check_arrays`, ShapeError for an array with axes
    """
    for name, factor in factors.items():
        if isinstance(factor, bool) or not isinstance(factor, int | float):
            check_gradient_of((), **{name: factor})


def _is_plain(array: Any) -> bool:
    """Whether something is an array of a library, without a mask, and not a matrix, whose products are others."""
    if isinstance(array, np.ndarray | np.generic):
        return not isinstance(array, np.ma.MaskedArray | np.matrix)
    return hasattr(array, "__array_namespace__") or hasattr(array, "__dlpack__")


@cache
def _holds(held: str, dtype: np.dtype[Any]) -> bool:
    return _names(held, dtype)


def _names(held: str, dtype: Any) -> bool:
    """Whether the dtype is one of those, in any library."""
    return dtype is None or getattr(dtype, "name", str(dtype)).rpartition(".")[2].startswith(HELD[held])


def _refusal(held: str, name: str, array: Any) -> str:
    dtype = getattr(array, "dtype", None)
    kind = "an array" if type(array) is np.ndarray else f"a {type(array).__name__}"
    what = kind if dtype is None else f"{kind} of {dtype}, shape {tuple(array.shape)}"
    to = {"integers": ", dtype=np.int64", "labels": ""}.get(held, ", dtype=np.float64")
    if isinstance(array, np.ma.MaskedArray):
        remedy = f"fill the mask with {name}.filled"
    elif isinstance(array, np.ndarray) or dtype is None:
        remedy = f"use np.asarray({name}{to})"
    else:
        remedy = "cast it in its own library"
    return f"{name} is {what}, expected an array of {held}: {remedy}"


def check_axes(spec: str, **arrays: Array) -> dict[str, int]:
    """Check that arrays hold floating-point numbers, and that each axis letter has one size; return the sizes.

    spec    the axes of each array in turn, e.g. ``"n d, d k, k m"``
    arrays  the arrays, in the order of ``spec``
    raises  DomainError as `check_arrays`; ShapeError naming the two arrays that disagree, or the array with the wrong
            number of axes
    """
    check_arrays(**arrays)
    return check_sizes(spec, **arrays)


def check_sizes(spec: str, **arrays: Array) -> dict[str, int]:
    """As `check_axes`, for arrays that `check_arrays` took, whatever they hold."""
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


def check_gradient_of(shape: tuple[int | str, ...], /, **gradients: Array) -> None:
    """Check that a backward pass got floating-point numbers in the shape of what forward returned.

    shape      the shape that forward returned; a letter for a size that its cache does not hold
    gradients  named "d" and the name of what forward returned, e.g. ``dy=dy``
    raises     DomainError as `check_arrays`; ShapeError with the gradient's name, its shape and the expected one
    """
    check_arrays(**gradients)
    for name, gradient in gradients.items():
        given = tuple(gradient.shape)
        if len(given) != len(shape) or any(
            isinstance(size, int) and size != at for size, at in zip(shape, given, strict=True)
        ):
            expected = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
            raise ShapeError(f"{name} has shape {given}, expected {expected}, the shape of forward's {name[1:]}")


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
        if not (isinstance(value, Real) and 0 < value < float("inf")):
            raise DomainError(f"{name} is {brief_value(value)}, expected a finite number > 0")


def check_not_negative(**values: float) -> None:
    """Refuse anything that is not >= 0 and finite, NaN included.

    raises  DomainError with the argument's name and value
    """
    for name, value in values.items():
        if not (isinstance(value, Real) and 0 <= value < float("inf")):
            raise DomainError(f"{name} is {brief_value(value)}, expected a finite number >= 0")


def check_fraction(**values: float) -> None:
    """Refuse anything outside (0, 1], NaN included.

    raises  DomainError with the argument's name and value
    """
    for name, value in values.items():
        if not (isinstance(value, Real) and 0 < value <= 1):
            raise DomainError(f"{name} is {brief_value(value)}, expected a number in (0, 1]: 1 keeps everything")


def check_integer(least: int, **values: int) -> None:
    """Refuse anything that is not an integer >= ``least``.

    raises  DomainError with the argument's name and value
    """
    for name, value in values.items():
        if not isinstance(value, SupportsIndex) or np.ndim(value) or value < least:
            raise DomainError(f"{name} is {brief_value(value)}, expected an integer >= {least}")


def check_rate(**values: float) -> None:
    """Refuse anything outside [0, 1), NaN included.

    raises  DomainError with the argument's name and value
    """
    for name, value in values.items():
        if not (isinstance(value, Real) and 0 <= value < 1):
            raise DomainError(f"{name} is {brief_value(value)}, expected a number in [0, 1): 0 switches it off")


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
