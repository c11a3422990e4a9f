"""Bounds of elementary functions, of `pp_ref.oracle.algebras.rounded.Rounded` arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["exp", "least", "log", "log1p", "sqrt", "tanh"]


def least(value: Any, error: Any) -> Any:
    """What the magnitude of a computed number is at least."""
    return np.maximum(abs(value) - error, 0)


def _through(x: Any, function: Callable[[Any], Any], inherited: Callable[[Any], Any]) -> Any:
    """function of x, where an error of e in x makes one of inherited(e)."""
    return x.function(function(x.value), inherited(x.error), inherited(x.spread))


def exp(x: Any) -> Any:
    value = np.exp(x.value)
    return _through(x, np.exp, lambda e: value * np.expm1(e))


def log(x: Any) -> Any:
    return _through(x, np.log, lambda e: e / least(x.value, e))


def log1p(x: Any) -> Any:
    return _through(x, np.log1p, lambda e: e / least(1 + x.value, e))


def tanh(x: Any) -> Any:
    def slope(e: Any) -> Any:
        return 1 - np.tanh(np.maximum(abs(x.value) - e, 0)) ** 2  # the largest between x and what was computed

    return _through(x, np.tanh, lambda e: e * slope(e))


def sqrt(x: Any) -> Any:
    value = np.sqrt(x.value)  # |sqrt a - sqrt b| = |a - b| / (sqrt a + sqrt b), and at most sqrt |a - b|

    def inherited(e: Any) -> Any:
        smallest = np.sqrt(np.maximum(x.value - e, 0))
        return np.where(value > 0, e / np.where(value > 0, value + smallest, 1), np.sqrt(e))

    return x.stored(value, value, inherited(x.error), inherited(x.spread))
