"""Running error analysis of pp_ref's own code: the oracle's `Rounded`, charged to one order of evaluation.

A `Bounded` array holds the exact result (`value`, in longdouble), and `error` bounds |computed - value| entry by entry,
for any order of summation and with or without fused multiply-add. `Rounded` charges a rounding to a majorant, so that
its bound holds for every order of evaluation. The order of pp_ref's code is known: a rounding is charged to |value|.
`docs/derivations.md#error-bounds` gives the rules. Layers ask an array for its namespace, so their own code runs on
these arrays, right or wrong.
"""

import operator
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from pp_ref.oracle.algebras import rounded
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS, Arithmetic
from pp_ref.oracle.algebras.rounded import Exact, Rounded

__all__ = ["BY_DTYPE", "Bounded", "Exact"]

LONG, DOUBLE = np.finfo(Exact), np.finfo(float)
# Only to judge the reference's own longdouble, where that is wider than float64.
LONGDOUBLE = Arithmetic(
    "longdouble",
    np.dtype(Exact).name,
    LONG.nmant + 1,
    operand=0.0,
    sums=float(LONG.eps) / 2,
    tiny=float(DOUBLE.tiny),
    largest=float(DOUBLE.max),
)
BY_DTYPE = {each.dtype: each for each in (LONGDOUBLE, *map(ARITHMETICS.get, ("float64", "float32", "float16")))}


class Unasked(NDArrayOperatorsMixin):
    """The spread of arrays whose spread nobody reads: whatever is computed from it is itself, and takes no time."""

    def __array_ufunc__(self, *_: Any, **settings: Any) -> "Unasked":
        return self

    def __array_function__(self, *_: Any) -> "Unasked":
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.zeros((), dtype)


UNASKED = Unasked()


def compared(by: Callable[[Any, Any], Any]) -> Callable[["Bounded", Any], Any]:
    """Values alone are compared."""
    return lambda self, other: by(self.value, self._lift(other).value)


class Bounded(Rounded):
    """Array-API array, as far as the layers use it; its majorant is |value|, and it is a sum of one term."""

    def __init__(self, value: Any, error: Any, dtype: Any) -> None:
        """dtype may be given as its arithmetic."""
        self.value, self.error = np.asarray(value, Exact), np.asarray(error, Exact)
        if self.error.shape != self.value.shape:
            self.error = np.broadcast_to(self.error, self.value.shape)
        self.arithmetic = dtype if isinstance(dtype, Arithmetic) else BY_DTYPE[np.dtype(dtype).name]
        self.majorant, self.spread, self.terms = abs(self.value), UNASKED, 1

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return NAMESPACE

    dtype = property(lambda self: np.dtype(self.arithmetic.dtype))

    def moved(self, move: Callable[[Any], Any]) -> "Bounded":
        return Bounded(move(self.value), move(self.error), self.arithmetic)

    def made(self, value: Any, error: Any, *_: Any) -> "Bounded":
        return Bounded(value, error, self.arithmetic)

    def stored(self, value: Any, majorant: Any, error: Any, spread: Any, **more: Any) -> Rounded:
        return super().stored(value, abs(value), error, spread, **more)

    def _lift(self, other: Any) -> "Bounded":
        """An operand that is no Bounded is exact, unless it is a scalar that the dtype cannot hold."""
        if isinstance(other, Bounded):
            return other
        rounding = 0 if np.ndim(other) else abs(Exact(self.dtype.type(other)) - Exact(other))
        return Bounded(other, rounding, self.arithmetic)

    def __setitem__(self, key: Any, other: Any) -> None:
        value, error = self.value.copy(), self.error.copy()  # a broadcast array cannot be written to
        value[key], error[key] = self._lift(other).value, self._lift(other).error
        self.__init__(value, error, self.arithmetic)

    __eq__, __gt__, __ge__, __lt__, __le__ = map(
        compared, (operator.eq, operator.gt, operator.ge, operator.lt, operator.le)
    )

    def __invert__(self) -> Any:
        raise TypeError("a Bounded array holds no truth values")


def full(shape: Any, fill: float, dtype: Any) -> Any:
    """Bounded, unless of integers, which are exact."""
    real = np.isdtype(dtype, "real floating")
    return Bounded(np.full(shape, fill, Exact), 0, dtype) if real else np.full(shape, fill, dtype)


def asarray(x: Any, dtype: Any = None) -> Any:
    """A table that is cast to the dtype carries what the cast rounds, and 2 u of longdouble; anything else is exact."""
    x = np.asarray(x)
    if dtype is None or np.dtype(dtype).name not in BY_DTYPE or x.dtype != Exact:
        return np.asarray(x, dtype)
    return Bounded(x, abs(x - x.astype(dtype)) + LONG.eps, dtype)


def astype(x: Any, dtype: Any) -> Any:
    """A wider dtype holds the same number. Labels and masks are exact."""
    if not np.isdtype(dtype, "real floating"):
        return np.astype(x, dtype)
    if not isinstance(x, Bounded):
        return Bounded(x, 0, dtype)
    moved = Bounded(x.value, x.error, dtype)
    return moved if moved.arithmetic.unit <= x.arithmetic.unit else moved.stored(x.value, None, x.error, UNASKED)


NAMESPACE = SimpleNamespace(
    **vars(rounded.NAMESPACE),
    **{name: getattr(np, name) for name in ("any", "arange", "bool", "finfo", "int8", "int16", "int64", "isdtype")},
    __name__="bounded",
    roll=lambda x, shift, axis: x.moved(lambda part: np.roll(part, shift, axis)),
    permute_dims=lambda x, axes: x.moved(lambda part: part.transpose(axes)),
    flip=lambda x, axis=None: x.moved(lambda part: np.flip(part, axis)),
    full=full,
    empty=lambda shape, dtype: full(shape, 0, dtype),
    zeros=lambda shape, dtype: full(shape, 0, dtype),
    zeros_like=lambda x: full(x.shape, 0, x.dtype),
    ones_like=lambda x: full(x.shape, 1, x.dtype),
    eye=lambda n, dtype: Bounded(np.eye(n), 0, dtype),
    matmul=operator.matmul,
    multiply=operator.mul,
    negative=operator.neg,
    result_type=lambda *parts: np.result_type(*(part.dtype if isinstance(part, Bounded) else part for part in parts)),
    isnan=lambda x: np.isnan(x.value),
    argmax=lambda x, axis: np.argmax(x.value if isinstance(x, Bounded) else x, axis=axis),
    astype=astype,
    asarray=asarray,
    float32=np.dtype(np.float32),
    float64=np.dtype(np.float64),
)
