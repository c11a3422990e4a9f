"""Definitions on small whole numbers, where nothing rounds: one value, whatever the order of sums and products.

A `Whole` array holds multiples of a power of two, 2^step, and for every entry a majorant: the same expression with
every number replaced by its magnitude. Every partial sum, in any order, is a multiple of 2^step that is no larger than
the majorant. If that is at most 2^(step + bits), a significand of `bits` bits holds it: no sum rounds. So a computed
value has to be equal to the exact one (Higham, *Accuracy and Stability of Numerical Algorithms*, sec. 2.1 and 2.2). All
is computed in float64, whose own 53 bits are asked for as well. `docs/oracle.md` says which results have to be equal.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras.arithmetic import Arithmetic
from pp_ref.oracle.algebras.tape import Algebra

__all__ = ["Rounds", "Whole", "algebra"]

Real = NDArray[np.float64]


class Rounds(ArithmeticError):
    """A result that some implementation rounds."""


class Whole:
    """One array.

    value     float64
    majorant  at least |value|; infinities, which no sum rounds, are left out
    step      all entries are multiples of 2^step

    What would be rounded raises `Rounds`, before its value is computed.
    """

    __array_ufunc__ = None  # ndarray @ Whole must ask Whole

    def __init__(self, value: Any, majorant: Any, step: int, arithmetic: Arithmetic) -> None:
        self.value, self.majorant = np.asarray(value, np.float64), np.asarray(majorant, np.float64)
        self.step, self.arithmetic = step, arithmetic

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    T = property(lambda self: self.moved(np.transpose))

    def moved(self, move: Callable[[Real], Real]) -> "Whole":
        """Entries at other places."""
        return Whole(move(self.value), move(self.majorant), self.step, self.arithmetic)

    def made(self, of: Callable[..., Any], step: int, *others: "Whole") -> "Whole":
        """What is computed from this and from others."""
        majorant = of(self.majorant, *[each.majorant for each in others])
        if not _fits(majorant, step, self.arithmetic.bits) or 2.0**step < self.arithmetic.tiny:
            raise Rounds
        return Whole(of(self.value, *[each.value for each in others]), majorant, step, self.arithmetic)

    def lifted(self, other: Any) -> "Whole":
        return other if isinstance(other, Whole) else _lifted(other, self.arithmetic)

    def __getitem__(self, key: Any) -> "Whole":
        return self.moved(lambda part: part[key])

    def __add__(self, other: Any) -> "Whole":
        other = self.lifted(other)
        return self.made(np.add, min(self.step, other.step), other)

    def __mul__(self, other: Any) -> "Whole":
        other = self.lifted(other)
        return self.made(np.multiply, self.step + other.step, other)

    def __matmul__(self, other: Any) -> "Whole":
        """Products may see their operands rounded."""
        other = self.lifted(other)
        if self.arithmetic.operand:
            bits = round(1 - np.log2(self.arithmetic.operand))
            if not (_fits(self.majorant, self.step, bits) and _fits(other.majorant, other.step, bits)):
                raise Rounds
        return self.made(np.matmul, self.step + other.step, other)

    def __truediv__(self, other: Any) -> "Whole":
        """By a power of two, entry by entry; else it rounds."""
        divisor = self.lifted(other).value
        fractions, exponents = np.frexp(divisor)
        if not (abs(fractions) == 0.5).all():
            raise Rounds
        step = self.step + 1 - int(np.max(exponents, initial=1))
        return self.made(np.divide, step, Whole(divisor, abs(divisor), 0, self.arithmetic))

    def __neg__(self) -> "Whole":
        return Whole(-self.value, self.majorant, self.step, self.arithmetic)

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Any) -> "Whole":
        return self + -self.lifted(other)

    def __rsub__(self, other: Any) -> "Whole":
        return self.lifted(other) + -self

    def __rtruediv__(self, other: Any) -> "Whole":
        return self.lifted(other) / self

    def __rmatmul__(self, other: Any) -> "Whole":
        return self.lifted(other) @ self


def _fits(majorant: Any, step: int, bits: int) -> bool:
    """Whether a significand of this many bits holds every entry, and every partial sum on the way to it."""
    return bool(np.max(majorant, initial=0.0) <= 2.0 ** (step + bits))


def _lifted(x: Any, arithmetic: Arithmetic) -> Whole:
    x = np.asarray(x, np.float64)
    finite = np.where(np.isfinite(x), x, 0.0)
    fractions, exponents = np.frexp(finite[finite != 0])
    if fractions.size == 0:
        return Whole(x, abs(finite), 0, arithmetic)
    wide = np.ldexp(fractions, 53).astype(np.int64)
    last = np.frexp((wide & -wide).astype(np.float64))[1] - 1  # the place of the last bit
    return Whole(x, abs(finite), int(np.min(last + exponents - 53)), arithmetic)


def _rounds(*_: Any) -> Whole:
    """A function whose values are no whole numbers."""
    raise Rounds


def _joined(arrays: list[Whole], join: Callable[[list[Real]], Real]) -> Whole:
    return Whole(
        join([each.value for each in arrays]),
        join([each.majorant for each in arrays]),
        min(each.step for each in arrays),
        arrays[0].arithmetic,
    )


def _where(condition: Any, x: Any, y: Any) -> Whole:
    like = x if isinstance(x, Whole) else y
    return _joined([like.lifted(x), like.lifted(y)], lambda parts: np.where(condition, *parts))


def algebra(arithmetic: Arithmetic) -> Algebra:
    """The functions that run a definition on these arrays."""
    return Algebra(
        exp=_rounds,
        log=_rounds,
        sqrt=_rounds,
        sigmoid=_rounds,
        solved=_rounds,
        sum=lambda x, **axes: x.made(lambda part: np.sum(part, **axes), x.step),
        where=_where,
        concat=lambda arrays, axis=0: _joined(list(arrays), lambda parts: np.concat(parts, axis=axis)),
        take=lambda x, indices: x.moved(lambda part: np.take(part, indices)),
        scattered=lambda x, at, size: x.made(lambda part: np.bincount(at, part, size), x.step),
        reshape=lambda x, shape: x.moved(lambda part: np.reshape(part, shape)),
        compared=lambda x: x.value,
        lifted=lambda x: _lifted(x, arithmetic),
        cos_pi=_rounds,
        max=lambda x, axis: x.moved(lambda part: part.max(axis)),
    )
