"""Bounds of the sigmoid and the softmax, of `pp_ref.oracle.algebras.rounded.Rounded` arrays: of odds, p / (1 - p).

An error of e in an exponent moves odds by a factor of exp(e) at most, so p by p (1 - p) e and not by p e.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["log_sum_exp", "sigmoid", "sigmoid_slope", "softmax"]

Exact = np.longdouble


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)): an exponential, a sum and a quotient."""
    value = 1 / (1 + np.exp(np.minimum(-x.value, 11000)))  # the largest exponent of longdouble is 11356
    less = 1 / (1 + np.exp(np.minimum(x.value, 11000)))

    def inherited(e: Any) -> Any:
        return _odds_moved(value, less, e)

    return x.stored(value, value, inherited(x.error), inherited(x.spread), units=2 * x.arithmetic.ulps + 2)


def _odds_moved(p: Any, rest: Any, e: Any) -> Any:
    """How far p moves at most, of p + rest = 1, if log(p / rest) moves by e."""
    factor = np.exp(np.minimum(e, 5000))  # rest may be exp(-5000) itself
    return p * rest * (factor - 1) / np.minimum(rest + p * factor, rest * factor + p)


def sigmoid_slope(y: Any) -> Any:
    """s'(x) = y (1 - y) from y = s(x): as a function of y, which stands there twice and moves it by |1 - 2 y| e + e^2.

    Computed so, or as y - y^2, which rounds y^2.
    """
    value = y.value * (1 - y.value)
    size = np.maximum(value, y.value**2)

    def inherited(e: Any) -> Any:
        return e * (abs(1 - 2 * y.value) + e) + y.arithmetic.unit * (size + e)

    return y.stored(value, value, inherited(y.error), inherited(y.spread))


def softmax(z: Any) -> Any:
    """exp z over its row's sum: the odds p / (1 - p) of an entry move with its own exponent, and the others'."""
    e, parts = _exponentials(z)
    total = parts.sum(axis=1, keepdims=True)
    value = parts / total
    rest = _others(parts) / total
    a, log_total = z.arithmetic, np.log(total)
    u, size = a.unit * (1 + Exact(2) ** -10), abs(z.value.max(axis=1, keepdims=True, initial=-np.inf) + log_total)

    def inherited(error: Any) -> Any:
        moved = e(error)
        most = moved.max(axis=1, keepdims=True, initial=0)
        # The sum, and, of exp(z - log sum exp z), the logarithm.
        whole = np.expm1(z.shape[1] * Exact(a.sums) + u * (1 + size + 2 * a.ulps * log_total + 2 * most))
        shifted = _odds_moved(value, rest, moved + most)
        return shifted + whole * (value + shifted)

    return z.stored(value, value, inherited(z.error), inherited(z.spread))


def _others(parts: Any) -> Any:
    """Of every entry the sum of its row's others: those before it, and those behind it. None is negative."""
    none = np.zeros((len(parts), 1), Exact)
    before = np.concatenate([none, np.cumsum(parts[:, :-1], axis=1)], axis=1)[:, : parts.shape[1]]
    behind = np.concatenate([none, np.cumsum(parts[:, :0:-1], axis=1)], axis=1)[:, : parts.shape[1]]
    return before + behind[:, ::-1]


def log_sum_exp(z: Any) -> Any:
    """log sum exp z of rows: where exponents move by e, it moves by log sum p exp e at most."""
    e, parts = _exponentials(z)
    total = parts.sum(axis=1, keepdims=True)
    size, most = np.log(total), z.value.max(axis=1, keepdims=True, initial=-np.inf)
    u = z.arithmetic.unit * (1 + Exact(2) ** -10)

    def inherited(error: Any) -> Any:
        moved = np.log1p((parts / total * np.expm1(np.minimum(e(error), 11000))).sum(axis=1, keepdims=True))
        moved = moved + 2 * (z.shape[1] * Exact(z.arithmetic.sums) + u)
        return (moved + 2 * z.arithmetic.ulps * u * (size + moved))[:, 0]

    value = (size + most)[:, 0]
    found = z.stored(value, abs(value), inherited(z.error), inherited(z.spread))
    return z.made(value, found.error, (size + abs(most))[:, 0], found.spread, 1)


def _exponentials(z: Any) -> tuple[Callable[[Any], Any], Any]:
    """exp(z - max z), and how far an error in z, with the rounding of that difference and of exp, moves exponents."""
    most = z.value.max(axis=1, keepdims=True, initial=-np.inf)
    u = z.arithmetic.unit * (1 + Exact(2) ** -10)
    parts = np.exp(z.value - most)
    least = most - z.value + np.log(parts.sum(axis=1, keepdims=True))  # log sum exp z - z, which is the larger one
    return lambda error: error + u * (least + 2 * error + 2 * z.arithmetic.ulps), parts
