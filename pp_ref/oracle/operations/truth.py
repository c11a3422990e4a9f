"""What a case's results have to be: exact values, each with the bound that its arithmetic is held to."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import balls, plain, rounded, tape, whole
from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.nested import is_number, leaves, mapped, named

__all__ = ["Evaluated", "Expected", "cotangents_of", "equal", "evaluated", "shapes", "truth", "work"]

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Expected:
    """One result: "y", "y[1]", "dv", "dw[0][1]", ...

    exact    float64, nearest to the exact value
    radius   |true - exact| is at most this
    bound    |computed - exact| is at most this, or there is a fault: derived for the arithmetic, radius included
    spread   what independent roundings rarely exceed, radius included
    kind     "value" or "gradient"
    step     what is computed is rounded to a multiple of it before it is compared; 0: it is compared as it is
    """

    name: str
    exact: Real
    radius: Real
    bound: Real
    spread: Real
    kind: Literal["value", "gradient"] = "value"
    step: float = 0.0

    def compared(self, computed: Real) -> Real:
        """What was computed, rounded if it is to be."""
        return np.rint(computed / self.step) * self.step if self.step else computed


class Evaluated(NamedTuple):
    """What a definition gives, in the arrays of an algebra.

    values     by name: "y", or "y[0]", "y[1]", ...
    gradients  by name: "dv", "dw[0]", ...; none if no cotangents were given
    """

    values: dict[str, Any]
    gradients: dict[str, Any]

    @property
    def results(self) -> dict[str, Any]:
        """The values, then the gradients."""
        return self.values | self.gradients

    def kind(self, name: str) -> Literal["value", "gradient"]:
        """What a result is."""
        return "gradient" if name in self.gradients else "value"


def evaluated(case: Case, algebra: tape.Algebra, cotangents: list[Real] | None = None) -> Evaluated:
    """The value of the case's operation, and with cotangents its gradients, in an algebra's arrays."""
    lifted = _lifted(case, algebra)
    y = named("y", case.operation.definition(*lifted.values()))
    learned = {label: x for name in case.operation.learned for label, x in named(f"d{name}", lifted[name]).items()}
    gradients = {}
    if cotangents is not None and learned:
        dy = [algebra.lifted(each) for each in cotangents]
        gradients = dict(zip(learned, tape.gradients([*y.values()], dy, [*learned.values()]), strict=True))
    return Evaluated({name: each.data for name, each in y.items()}, gradients)


def _lifted(case: Case, algebra: tape.Algebra) -> dict[str, Any]:
    return {
        name: mapped(lambda x: tape.quantity(x, algebra), value) if is_number(value) else value
        for name, value in case.arguments.items()
    }


def work(case: Case) -> int:
    """How many products and sums its value takes, nearly."""
    return _sized(case)[1]


def shapes(case: Case) -> dict[str, tuple[int, ...]]:
    """Of the values, by name: "y", or "y[0]", "y[1]", ..."""
    return _sized(case)[0]


@lru_cache(maxsize=4)  # asked for again and again, of one case after another
def _sized(case: Case) -> tuple[dict[str, tuple[int, ...]], int]:
    with np.errstate(all="ignore"):
        y = case.operation.definition(*_lifted(case, plain.SHAPES).values())
    return {name: each.shape for name, each in named("y", y).items()}, tape.work(leaves(y))


@lru_cache(maxsize=4)
def equal(case: Case) -> Evaluated:
    """On whole numbers: the results, none of which rounds; in small cases where partial sums are kept as declared, in
    large ones even where they are stored.

    raises  Rounds if one of them does
    """
    kept = case.arithmetic if case.large else replace(case.arithmetic, bits=-round(np.log2(case.arithmetic.sums)))
    with np.errstate(all="ignore"):
        return evaluated(case, whole.algebra(kept), cotangents_of(case))


def truth(case: Case) -> list[Expected]:
    """Return the right results of a case: the value first, then every gradient.

    Gradients are pulled back from `case.cotangent`, from 1 for a model.

    Where NaN or infinity is among the arguments, the results show where they go, and no bound is finite. Of whole
    numbers every bound is 0. Other large cases have values in longdouble, as the bounds have: balls would take minutes.

    Examples
    --------
    >>> from pp_ref.oracle import truth
    >>> from pp_ref.oracle.operations.cases import case_of
    >>> expected = truth(case_of("dense/one example/float64/0"))
    >>> [each.name for each in expected]
    ['y', 'dv', 'dW', 'db']
    >>> bool((expected[0].bound > 0).all()), expected[0].exact.shape
    (True, (1, 2))
    """
    cotangents = cotangents_of(case)
    with np.errstate(all="ignore"):  # a bound may be infinite: then it proves nothing
        if case.wild:
            pattern = evaluated(case, plain.ALGEBRA, cotangents)
            results = {name: np.asarray(x, np.float64) for name, x in pattern.results.items()}
            return [_expected(pattern, name, x, 0.0, np.inf, np.inf) for name, x in results.items()]
        if case.whole:
            found = equal(case)
            if case.arithmetic.algorithm is None:
                copies = {name: case.copies if case.sums(name) else 1 for name in found.results}
                return [_equal(found, name, copies[name] * x.value) for name, x in found.results.items()]
            bounded = evaluated(case, rounded.algebra(case.arithmetic), cotangents).results
            return [_nearest(found, name, x, bounded[name]) for name, x in found.results.items()]
        bounds = evaluated(case, rounded.algebra(case.arithmetic), cotangents)
    if case.large:
        return [_approximate(bounds, name, x) for name, x in bounds.results.items()]
    exact = balls.enclosed(lambda: [*evaluated(case, balls.ALGEBRA, cotangents).results.values()])
    return [
        _expected(bounds, name, each.value, each.radius, x.error, np.minimum(x.spread, x.error))
        for (name, x), each in zip(bounds.results.items(), exact, strict=True)
    ]


def _equal(found: Evaluated, name: str, exact: Real) -> Expected:
    none = np.zeros(exact.shape)
    return Expected(name, exact, none, none, none, found.kind(name))


def _nearest(found: Evaluated, name: str, x: Any, bounded: Any) -> Expected:
    """Of whole numbers by an algorithm that rounds: rounded to whole numbers, they are equal where its bound is below
    half of one."""
    none, step = np.zeros(x.shape), 2.0**x.step
    bound, spread = (step * np.floor(_up(each) / step + 0.5) for each in (bounded.error, bounded.spread))
    return Expected(name, x.value, none, bound, np.minimum(spread, bound), found.kind(name), step)


def _approximate(bounds: Evaluated, name: str, x: Any) -> Expected:
    """The value beside which the bound was derived, in longdouble. The reference's own roundings are less than 2^-10
    of those that the bound has room for.
    """
    exact = np.asarray(x.value, np.float64)
    off = np.where(np.isinf(exact), 0, x.value) - np.where(np.isinf(exact), 0, exact)  # log 0 is exact
    radius = _up(abs(off) + 2.0**-10 * np.minimum(x.error, abs(x.value)))
    return _expected(bounds, name, exact, radius, x.error, np.minimum(x.spread, x.error))


def _expected(found: Evaluated, name: str, exact: Real, radius: Any, error: Any, spread: Any) -> Expected:
    kind = found.kind(name)
    radius, error, spread = (np.broadcast_to(x, exact.shape) for x in (radius, error, spread))
    return Expected(name, exact, radius, _up(error) + radius, _up(spread) + radius, kind)


def cotangents_of(case: Case) -> list[Real]:
    """Of the shapes of the value."""
    if case.operation.kind == "model":
        return [np.ones(())]
    return case.cotangent([*shapes(case).values()])


def _up(x: Any) -> Real:
    """Rounded to float64, upwards. NaN, of infinities that cancel, is no bound either."""
    return np.nextafter(np.nan_to_num(np.asarray(x, np.float64), nan=np.inf, posinf=np.inf), np.inf)
