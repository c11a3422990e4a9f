"""Certified exact values: NumPy object arrays of Arb's balls (python-flint), midpoint +- radius.

Every operation on balls returns a ball that holds the exact result for all numbers in its operands (Johansson, *Arb:
efficient arbitrary-precision midpoint-radius interval arithmetic*, 2017). Inputs are floats, so exact. A definition
that runs on them encloses its own value; `enclosed` raises the precision until the enclosure is far below float64's
last place. The same bits on every machine.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.errors import import_extra
from pp_ref.oracle.algebras.tape import Algebra

__all__ = ["ALGEBRA", "Enclosure", "ball_array", "enclosed"]

FIRST, LAST = 128, 4096  # bits
NARROW = 2.0**-64  # of the value, or of the smallest normal number


class Enclosure:
    """value: float64, nearest to the midpoint; radius: float64, |exact - value| is at most this."""

    def __init__(self, value: NDArray[np.float64], radius: NDArray[np.float64]) -> None:
        self.value, self.radius = value, radius


def ball_array(x: NDArray[Any]) -> NDArray[Any]:
    """float64 numbers as balls of radius 0."""
    arb = import_extra("flint", "oracle").arb
    balls: NDArray[Any] = _elementwise(arb)(np.asarray(x, np.float64))
    return balls


def enclosed(function: Callable[[], Any]) -> Any:
    """The enclosures of what function returns, at the lowest of doubled precisions at which all of them are narrow.

    function  () -> an object array of balls, or a list of them
    returns   Enclosure, or a list
    """
    context = import_extra("flint", "oracle").ctx
    before, context.prec = context.prec, FIRST
    try:
        while True:
            result = function()
            arrays = result if isinstance(result, list) else [result]
            found = [_rounded(array) for array in arrays]
            if context.prec >= LAST or all(map(_narrow, found)):
                return found if isinstance(result, list) else found[0]
            context.prec *= 2
    finally:
        context.prec = before


def _narrow(enclosure: Enclosure) -> bool:
    """Beside an entry's last place, or beside one 2^40 times smaller than the largest entry, where sums cancel."""
    known = ~np.isinf(enclosure.value)  # log 0 is exact
    size = abs(enclosure.value[known])
    least = max(2.0**-40 * np.max(size, initial=0), np.finfo(float).tiny)
    half_ulp = np.spacing(size) / 2  # of which the rounding to float64 takes up to all
    return bool((enclosure.radius[known] <= NARROW * np.maximum(size, least) + half_ulp).all())


def _rounded(balls: NDArray[Any]) -> Enclosure:
    value, radius = np.frompyfunc(_nearest, 1, 2)(np.asarray(balls, object))
    return Enclosure(np.asarray(value, np.float64), np.asarray(radius, np.float64))


def _nearest(ball: Any) -> tuple[float, float]:
    """The float64 nearest to the midpoint, and a bound of what is between it and any point of the ball."""
    if isinstance(ball, int):  # NumPy's empty sum
        return float(ball), 0.0
    if not ball.is_finite():
        return (-math.inf, 0.0) if ball == -math.inf else (math.nan, math.inf)
    value = float(ball)  # of its midpoint, to nearest, ties to even
    if math.isinf(value):
        return value, 0.0
    off = (ball - value).abs_upper()
    return value, math.nextafter(float(off) * (1 + 2.0**-50), math.inf) if off > 0 else 0.0


def _elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    """Of object arrays; a 0-d result stays an array."""
    mapped = np.frompyfunc(function, 1, 1)

    def apply(x: Any) -> NDArray[Any]:
        return np.asarray(mapped(np.asarray(x, object)), object)

    return apply


def _midpoints(x: NDArray[Any]) -> NDArray[np.float64]:
    """For comparisons only. Numbers that differ by less than float64 holds count as equal."""
    return np.asarray(np.frompyfunc(lambda ball: _nearest(ball)[0], 1, 1)(x), np.float64)


def _scattered(x: NDArray[Any], at: NDArray[Any], size: int) -> NDArray[Any]:
    out = ball_array(np.zeros(size))
    np.add.at(out, at, x)
    return out


def _solved(A: NDArray[Any], B: NDArray[Any]) -> NDArray[Any]:
    """A^-1 B; NaN at a precision too low to show that A is invertible."""
    flint = import_extra("flint", "oracle")
    try:
        X = flint.arb_mat(*A.shape, list(A.ravel())).solve(flint.arb_mat(*B.shape, list(B.ravel())))
    except ZeroDivisionError:
        return ball_array(np.full(B.shape, np.nan))
    return np.array(X.entries(), object).reshape(B.shape)


def _cos_pi(p: NDArray[Any], q: int) -> NDArray[Any]:
    flint = import_extra("flint", "oracle")
    cosine = _elementwise(lambda numerator: flint.arb.cos_pi_fmpq(flint.fmpq(int(numerator), q)))
    cosines: NDArray[Any] = cosine(p)
    return cosines


ALGEBRA = Algebra(
    exp=_elementwise(lambda x: x.exp()),
    log=_elementwise(lambda x: x.log()),
    sqrt=_elementwise(lambda x: x.sqrt()),
    sigmoid=_elementwise(lambda x: 1 / (1 + (-x).exp())),
    sum=lambda *x, **axes: np.asarray(np.sum(*x, **axes), object),
    where=np.where,
    concat=np.concat,
    take=lambda x, indices: np.asarray(np.take(x, indices), object),
    scattered=_scattered,
    reshape=np.reshape,
    solved=_solved,
    compared=_midpoints,
    lifted=ball_array,
    cos_pi=_cos_pi,
    max=lambda x, axis: np.asarray(np.frompyfunc(lambda a, b: a.max(b), 2, 1).reduce(x, axis=axis), object),
)
