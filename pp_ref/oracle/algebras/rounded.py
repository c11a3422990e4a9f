"""Running error analysis: arrays that carry bounds of the rounding error of whoever computes them.

A `Rounded` array stands for what a correct implementation in a given arithmetic may compute. Entry by entry it holds

    value     the exact result, in longdouble
    majorant  the same expression with every number replaced by its magnitude: |v||U||w| for (v U) w and for v (U w)
    error     |computed - value| is at most this: for any order of sums and products, fused or not. More proves a fault.
              Infinite where nothing can be said, as beside an overflow
    spread    what it rarely exceeds if roundings are independent and of mean zero. More is suspicious
    terms     number of terms in the sum that produced this entry: another number may be added before any of them

Every operation adds what it inherits to what it rounds itself (Higham, *Accuracy and Stability of Numerical
Algorithms*, sec. 2.2, 3.3, 3.5; for the spread Higham and Mary, *A new approach to probabilistic rounding error
analysis*, 2019). A rounding is charged to the majorant, not to the value, so that a bound holds for every order of
evaluation of one expression.
`docs/oracle.md` gives the rules.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import algorithms, chains, cosines, elementary, logistic
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS, Arithmetic
from pp_ref.oracle.algebras.systems import solved
from pp_ref.oracle.algebras.tape import Algebra

__all__ = ["Exact", "Rounded", "algebra", "lifted"]

Exact = np.longdouble

# A sum of bounded independent roundings of mean zero exceeds `LIKELY` times the root of the sum of their squares with a
# probability of 2 exp(-LIKELY^2 / 2) = 3e-14 (Azuma and Hoeffding): rarely in all the entries that anybody compares.
LIKELY = 8.0


class Rounded:
    """One array; see above."""

    __array_ufunc__ = None  # ndarray @ Rounded must ask Rounded

    def __init__(
        self,
        value: Any,
        error: Any,
        arithmetic: Arithmetic,
        majorant: Any = None,
        spread: Any = None,
        terms: int = 1,
    ) -> None:
        self.value = np.asarray(value, Exact)
        shape = self.value.shape
        self.error = _or_infinite(error, shape)
        self.majorant = abs(self.value) if majorant is None else _or_infinite(majorant, shape)
        self.spread = self.error if spread is None else _or_infinite(spread, shape)
        self.arithmetic, self.terms = arithmetic, terms
        self.unstored: tuple[Any, Any, Any] | None = None  # error and spread before it was stored, and the u of that

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    T = property(lambda self: self.moved(np.transpose))

    def moved(self, move: Callable[[NDArray[Any]], NDArray[Any]]) -> "Rounded":
        """Entries at other places: nothing rounds."""
        return self.made(move(self.value), move(self.error), move(self.majorant), move(self.spread), self.terms)

    def __getitem__(self, key: Any) -> "Rounded":
        return self.moved(lambda part: part[key])

    def _lift(self, other: Any) -> "Rounded":
        """An operand that is no Rounded is exact, unless it is a scalar that the format cannot hold."""
        if isinstance(other, Rounded):
            return other
        rounding = 0 if np.ndim(other) else self.arithmetic.unit * abs(Exact(other))
        return Rounded(other, rounding if rounding and not _holds(self.arithmetic, other) else 0, self.arithmetic)

    def made(self, value: Any, error: Any, majorant: Any, spread: Any, terms: int) -> "Rounded":
        """A result in this arithmetic."""
        return Rounded(value, error, self.arithmetic, majorant, spread, terms)

    def stored(
        self, value: Any, majorant: Any, error: Any, spread: Any, units: int = 1, terms: int = 1, likely: Any = None
    ) -> "Rounded":
        """One rounding of the stored format: |fl(z) - z| <= u |z| + tiny. The reference's own is below 2^-10 of u.

        Infinite where some order of evaluation may overflow. The spread is of a number of magnitude `likely`, by
        default |value|.
        """
        a = self.arithmetic
        u = units * (Exact(a.unit) * (1 + Exact(2) ** -10))
        unstored = error, spread, u
        tiny = self._tiny(majorant + error)
        error = error + u * (majorant + error) + tiny
        spread = spread + u * ((abs(value) if likely is None else likely) + spread) + tiny
        over = np.where(majorant + error > a.largest, np.inf, 0)
        made = self.made(value, error + over, majorant, spread + over, terms)
        made.unstored = unstored
        return made

    def _tiny(self, most: Any) -> Any:
        """What underflow may take of a number of at most that size: nothing of 0."""
        return np.where(most == 0, 0, self.arithmetic.tiny)

    def formed(self, moved: Any = 0, likely: Any = 0) -> "Rounded":
        """This very number is stored, in no other order: its rounding, and bounds from here on, are of its own size.

        moved, likely  how far it is off besides, by errors of operands that `error` and `spread` leave out
        """
        size, error, spread = abs(self.value), self.error, self.spread
        if self.unstored is not None:
            error, spread, u = self.unstored
            tiny = self._tiny(size + moved + error)
            error = error + u * (size + moved + error) + tiny
            spread = spread + u * (size + likely + spread) + tiny
            over = np.where(size + moved + error > self.arithmetic.largest, np.inf, 0)
            error, spread = error + over, spread + over
        return self.made(self.value, error, size + moved, spread, self.terms)

    def summed(
        self, value: Any, majorant: Any, error: Any, spread: Any, root: Any, length: int, terms: int
    ) -> "Rounded":
        """A sum of `length` terms, each perhaps a product; root is the root of the sum of their squares.

        Bounded by g = length u / (1 - length u) of the majorant of what was computed. Likely: every rounding is of a
        partial sum, and these are near |value| + root, where the order does not know the signs.
        """
        a, some = self.arithmetic, 1 + Exact(2) ** -10
        lu = length * Exact(a.sums) * some
        tiny = Exact(ARITHMETICS["float32"].tiny if a.sums > 2.0**-50 else a.tiny)
        lost = np.where(majorant + error == 0, 0, length * tiny)
        fresh = lu / (1 - lu) * (majorant + error) + lost
        likely = LIKELY * a.sums * some * np.sqrt(root**2 + length * (abs(value) + root) ** 2)
        error, spread = error + fresh, spread + np.minimum(fresh, likely + a.tiny)
        if a.sums == a.unit:
            return self.made(value, error + np.where(majorant + error > a.largest, np.inf, 0), majorant, spread, terms)
        # Another order stores other sums, which are as large as this one could have been.
        return self.stored(
            value, majorant, error, spread, terms=terms, likely=np.minimum(majorant, abs(value) + LIKELY * root)
        )

    def __neg__(self) -> "Rounded":
        return self.made(-self.value, self.error, self.majorant, self.spread, self.terms)

    def __add__(self, other: Any) -> "Rounded":
        """Two sums may be one: a bias from which a product starts sees as many roundings as the product has terms."""
        other = self._lift(other)
        a, b, u = self.terms - 1, other.terms - 1, self.arithmetic.sums * (1 + Exact(2) ** -10)
        merged = u * (b * (self.majorant + self.error) + a * (other.majorant + other.error)) if a or b else 0
        likely: Any = 0
        if a or b:
            likely = b**0.5 * (abs(self.value) + self.spread) + a**0.5 * (abs(other.value) + other.spread)
        found = self.stored(
            self.value + other.value,
            self.majorant + other.majorant,
            self.error + other.error + merged,
            self.spread + other.spread + np.minimum(merged, LIKELY * u * likely),
            terms=self.terms + other.terms,
        )
        return found.where_zero(self, other).where_zero(other, self)

    def where_zero(self, x: "Rounded", y: "Rounded") -> "Rounded":
        """This sum of x and y: y itself wherever x is 0, and no error of x is possible."""
        zero = (x.majorant == 0) & (x.error == 0)
        if not zero.any():
            return self
        error, spread = (np.where(zero, getattr(y, name), getattr(self, name)) for name in ("error", "spread"))
        return self.made(self.value, error, self.majorant, spread, self.terms)

    def __mul__(self, other: Any) -> "Rounded":
        other = self._lift(other)
        return self.stored(
            self.value * other.value,
            self.majorant * other.majorant,
            (self.majorant + self.error) * other.error + self.error * other.majorant,
            (abs(self.value) + self.spread) * other.spread + self.spread * abs(other.value),
        )

    def __truediv__(self, other: Any) -> "Rounded":
        """The quotient's majorant is that of the numerator over the denominator, which is computed as it is."""
        other = self._lift(other)
        value, least, likely = (
            self.value / other.value,
            *(elementary.least(other.value, e) for e in (other.error, other.spread)),
        )
        majorant = self.majorant / abs(other.value)
        return self.stored(
            value,
            majorant,
            (self.error + majorant * other.error) / least,
            (self.spread + abs(value) * other.spread) / likely,
        )

    def __matmul__(self, other: Any) -> "Rounded":
        other = self._lift(other)
        error = (self.majorant + self.error) @ other.error + self.error @ other.majorant
        majorant = self.majorant @ other.majorant
        spread = (abs(self.value) + self.spread) @ other.spread + self.spread @ abs(other.value)
        root = np.sqrt(self.value**2 @ other.value**2)
        if operand := self.arithmetic.operand:
            rounded = (2 * operand + operand**2) * (majorant + error)
            error, spread = error + rounded, spread + np.minimum(rounded, LIKELY * 2 * operand * root)
        length = self.shape[-1]
        if self.arithmetic.algorithm == "Strassen":
            most = (np.max(each.majorant + each.error, initial=0) for each in (self, other))
            lost = algorithms.strassen(length, self.arithmetic) * prod(most)
            error, spread = error + lost, spread + lost
        # Products associate: a sum of sums may be that over the inner terms or that over the outer ones.
        terms = max(length + self.terms + other.terms - 2, 1)
        return self.summed(self.value @ other.value, majorant, error, spread, root, length, terms)

    def __pow__(self, power: float) -> "Rounded":
        """Of a positive number: a relative error of r makes one of at most (1 - r)^-|power| - 1."""
        value = self.value**power
        exponent = 0 if _holds(self.arithmetic, power) else abs(power) * self.arithmetic.unit * abs(np.log(self.value))

        def inherited(error: Any) -> Any:
            relative = np.expm1(-abs(power) * np.log1p(-np.minimum(error / self.value, 1)))
            return value * (relative + exponent * (1 + relative))

        return self.function(value, inherited(self.error), inherited(self.spread))

    def function(self, value: Any, error: Any, spread: Any) -> "Rounded":
        """An elementary function's value is computed afresh: its majorant is its magnitude. An ulp is at most 2 u."""
        return self.stored(value, abs(value), error, spread, units=2 * self.arithmetic.ulps)

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Any) -> "Rounded":
        return self + -self._lift(other)

    def __rsub__(self, other: Any) -> "Rounded":
        return self._lift(other) + -self

    def __rtruediv__(self, other: Any) -> "Rounded":
        return self._lift(other) / self

    def __rmatmul__(self, other: Any) -> "Rounded":
        return self._lift(other) @ self


def lifted(x: Any, arithmetic: Arithmetic) -> Rounded:
    """x, which the arithmetic can store, as an input without error."""
    return Rounded(x, 0, arithmetic)


def algebra(arithmetic: Arithmetic) -> Algebra:
    """The functions that run a definition on these arrays."""
    names = {each.name for each in fields(Algebra)} & vars(NAMESPACE).keys()
    return Algebra(
        **{name: getattr(NAMESPACE, name) for name in names},
        lifted=lambda x: lifted(x, arithmetic),
        cos_pi=lambda p, q: Rounded(
            cosines.cos_pi(p, q), cosines.error(p, q, arithmetic.unit, arithmetic.sums), arithmetic
        ),
        compared=lambda x: x.value,
        formed=Rounded.formed,
        uncertainty=lambda x: x.error,
        convolved=algorithms.convolved(arithmetic),
    )


def _holds(arithmetic: Arithmetic, x: Any) -> bool:
    """Whether the number is stored without rounding."""
    number = float(x)
    return bool(arithmetic.representable(np.asarray(number)) == number and Exact(number) == Exact(x))


def _or_infinite(bound: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """0 times infinity, or infinity less infinity, bounds nothing."""
    bound = np.asarray(bound, Exact)
    if bound.shape != shape:
        bound = np.broadcast_to(bound, shape)
    known: NDArray[Any] = np.fmin(bound, np.inf)  # which passes NaN over
    return known


def _abs(x: Rounded) -> Rounded:
    return x.made(abs(x.value), x.error, x.majorant, x.spread, 1)


def _sum(x: Rounded, axis: int | None = None, keepdims: bool = False) -> Rounded:
    value, majorant, error, spread, squares = (
        np.sum(part, axis=axis, keepdims=keepdims) for part in (x.value, x.majorant, x.error, x.spread, x.value**2)
    )
    length = x.value.size if axis is None else x.shape[axis]
    return x.summed(value, majorant, error, spread, np.sqrt(squares), length, max(length + x.terms - 1, 1))


def _max(x: Rounded, axis: int, keepdims: bool = False) -> Rounded:
    """|max a - max b| <= max |a - b|."""
    return x.moved(lambda part: part.max(axis, keepdims=keepdims))


def _maximum(x: Rounded, y: Any) -> Rounded:
    return -_minimum(-x, -x._lift(y))


def _minimum(x: Rounded, y: Any) -> Rounded:
    """The smaller one's error; where rounding could exchange them, the larger: |min a - min b| <= max |a - b|."""
    y = x._lift(y)

    def chosen(name: str) -> Any:
        a, b = getattr(x, name), getattr(y, name)
        apart = abs(x.value - y.value) > x.error + y.error
        return np.where(apart, np.where(x.value < y.value, a, b), np.maximum(a, b))

    value = np.minimum(x.value, y.value)
    return x.made(value, chosen("error"), chosen("majorant"), chosen("spread"), 1)


def _where(condition: Any, x: Any, y: Any) -> Rounded:
    """The reference's branch. Branches of a continuous function agree where rounding could choose the other one."""
    like = x if isinstance(x, Rounded) else y
    return _combined([like._lift(x), like._lift(y)], lambda parts: np.where(condition, *parts))


def _joined(join: Callable[..., Any]) -> Callable[..., Rounded]:
    return lambda arrays, axis=0: _combined(arrays, lambda parts: join(parts, axis=axis))


def _combined(arrays: Sequence[Rounded], combine: Callable[[list[Any]], Any]) -> Rounded:
    """Entries of several arrays in one: nothing rounds."""
    names = ("value", "error", "majorant", "spread")
    value, error, majorant, spread = (combine([getattr(x, name) for x in arrays]) for name in names)
    return arrays[0].made(value, error, majorant, spread, max(x.terms for x in arrays))


def _take(x: Rounded, indices: NDArray[Any], axis: int | None = None) -> Rounded:
    return x.moved(lambda part: np.take(part, indices, axis))


def _scattered(x: Rounded, at: NDArray[Any], size: int) -> Rounded:
    """out[at[i]] += x[i] for flat x and at: a sum over the entries that meet."""

    def sums(part: Any) -> Any:
        out = np.zeros(size, Exact)
        np.add.at(out, at, part)
        return out

    value, majorant, error, spread = (sums(part) for part in (x.value, x.majorant, x.error, x.spread))
    most = int(np.bincount(at, minlength=1).max())
    if most <= 1:
        return x.made(value, error, majorant, spread, x.terms)
    return x.summed(value, majorant, error, spread, np.sqrt(sums(x.value**2)), most, most + x.terms - 1)


NAMESPACE = SimpleNamespace(
    abs=_abs,
    exp=elementary.exp,
    log=elementary.log,
    log1p=elementary.log1p,
    tanh=elementary.tanh,
    sqrt=elementary.sqrt,
    sigmoid=logistic.sigmoid,
    sigmoid_slope=logistic.sigmoid_slope,
    softmax=logistic.softmax,
    log_sum_exp=logistic.log_sum_exp,
    strayed=chains.strayed,
    chained=chains.chained,
    either=chains.either,
    sum=_sum,
    max=_max,
    minimum=_minimum,
    maximum=_maximum,
    where=_where,
    concat=_joined(np.concat),
    stack=_joined(np.stack),
    take=_take,
    reshape=lambda x, shape: x.moved(lambda part: part.reshape(shape)),
    scattered=_scattered,
    solved=lambda A, B: solved(A, B, LIKELY),
)
