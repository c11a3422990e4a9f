"""Running error analysis of pp_ref's own code: the oracle's `Rounded`, charged to one order of evaluation.

A `Bounded` array holds the exact result (`value`, in longdouble), and `error` bounds |computed - value| entry by entry,
for any order of summation and with or without fused multiply-add. `Rounded` charges a rounding to a majorant, so that
its bound holds for every order of evaluation. The order of pp_ref's code is known: a rounding is charged to |value|.
`docs/derivations.md#error-bounds` gives the rules.
"""

from collections.abc import Callable
from inspect import isfunction
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from pp_ref.oracle import rounded
from pp_ref.oracle.arithmetic import Arithmetic
from pp_ref.oracle.rounded import BY_DTYPE, Exact, Rounded

__all__ = ["Bounded", "Exact"]


class Unasked(NDArrayOperatorsMixin):
    """The spread of arrays whose spread nobody reads: whatever is computed from it is itself, and takes no time."""

    def __array_ufunc__(self, *_: Any, **settings: Any) -> "Unasked":
        return self

    def __array_function__(self, *_: Any) -> "Unasked":
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.zeros((), dtype)

    def __setitem__(self, key: Any, part: Any) -> None:
        pass

    def copy(self) -> "Unasked":
        return self


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

    def _lift(self, other: Any) -> "Bounded":
        """An operand that is no Bounded is exact, unless it is a scalar that the dtype cannot hold."""
        if isinstance(other, Bounded):
            return other
        rounding = 0 if np.ndim(other) else abs(Exact(self.dtype.type(other)) - Exact(other))
        return Bounded(other, rounding, self.arithmetic)

    def moved(self, move: Callable[[Any], Any]) -> "Bounded":
        return Bounded(move(self.value), move(self.error), self.arithmetic)

    def made(self, value: Any, error: Any, *_: Any) -> "Bounded":
        return Bounded(value, error, self.arithmetic)

    def stored(self, value: Any, majorant: Any, error: Any, spread: Any, **more: Any) -> Rounded:
        return super().stored(value, abs(value), error, spread, **more)

    def __neg__(self) -> "Bounded":
        return Bounded(-self.value, self.error, self.arithmetic)


UNASKED = Unasked()


def bounded(x: Any) -> Any:
    """A Rounded array without its majorant and its number of terms; anything else is returned as it is."""
    return Bounded(x.value, x.error, x.arithmetic) if type(x) is Rounded else x


def returning_bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments, **settings: bounded(function(*arguments, **settings))


NAMESPACE = SimpleNamespace(
    **{name: returning_bounded(each) if isfunction(each) else each for name, each in vars(rounded.NAMESPACE).items()}
)
