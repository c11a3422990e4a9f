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

from pp_ref.oracle.algebras import rounded
from pp_ref.oracle.algebras.rounded import BY_DTYPE, Exact, Rounded

__all__ = ["Bounded", "Exact"]


class Bounded(Rounded):
    """Array-API array, as far as the layers use it; its majorant is |value|, and it is a sum of one term."""

    def __init__(self, value: Any, error: Any, dtype: Any) -> None:
        self.value = np.asarray(value, Exact)
        self.error = self.spread = np.broadcast_to(np.asarray(error, Exact), self.value.shape)
        self.arithmetic, self.majorant, self.terms = BY_DTYPE[np.dtype(dtype).name], abs(self.value), 1

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return NAMESPACE

    def _lift(self, other: Any) -> "Bounded":
        """An operand that is no Bounded is exact, unless it is a scalar that the dtype cannot hold."""
        if isinstance(other, Bounded):
            return other
        rounding = 0 if np.ndim(other) else abs(Exact(self.dtype.type(other)) - Exact(other))
        return Bounded(other, rounding, self.dtype)

    def moved(self, move: Callable[[Any], Any]) -> "Bounded":
        return Bounded(move(self.value), move(self.error), self.dtype)

    def stored(self, value: Any, majorant: Any, error: Any, spread: Any, **more: Any) -> "Bounded":
        return bounded(super().stored(value, abs(value), error, error, **more))

    def summed(self, *sums: Any) -> "Bounded":
        return bounded(super().summed(*sums))

    def __neg__(self) -> "Bounded":
        return Bounded(-self.value, self.error, self.dtype)


def bounded(x: Any) -> Any:
    """A Rounded array without its majorant and its number of terms; anything else is returned as it is."""
    return Bounded(x.value, x.error, x.dtype) if type(x) is Rounded else x


def returning_bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments, **settings: bounded(function(*arguments, **settings))


NAMESPACE = SimpleNamespace(
    **{name: returning_bounded(each) if isfunction(each) else each for name, each in vars(rounded.NAMESPACE).items()}
)
