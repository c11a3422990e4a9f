"""What a case's results have to be: exact values, each with the bound that its arithmetic is held to."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import balls, plain, rounded, tape
from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.nested import is_number, mapped, named

__all__ = ["Evaluated", "Expected", "cotangents_of", "evaluated", "truth"]

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Expected:
    """One result: "y", "y[1]", "dv", "dw[0][1]", ...

    exact    float64, nearest to the exact value
    radius   |true - exact| is at most this
    bound    |computed - exact| is at most this, or there is a fault: derived for the arithmetic, radius included
    spread   what independent roundings rarely exceed, radius included
    kind     "value" or "gradient"
    """

    name: str
    exact: Real
    radius: Real
    bound: Real
    spread: Real
    kind: Literal["value", "gradient"] = "value"


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


def evaluated(case: Case, algebra: tape.Algebra, cotangents: list[Real] | None = None) -> Evaluated:
    """The value of the case's operation, and with cotangents its gradients, in an algebra's arrays."""
    operation = case.operation
    lifted = {
        name: mapped(lambda x: tape.quantity(x, algebra), value) if is_number(value) else value
        for name, value in case.arguments.items()
    }
    y = named("y", operation.definition(*lifted.values()))
    learned = {label: x for name in operation.learned for label, x in named(f"d{name}", lifted[name]).items()}
    gradients = {}
    if cotangents is not None and learned:
        dy = [algebra.lifted(each) for each in cotangents]
        gradients = dict(zip(learned, tape.gradients([*y.values()], dy, [*learned.values()]), strict=True))
    return Evaluated({name: each.data for name, each in y.items()}, gradients)


def truth(case: Case) -> list[Expected]:
    """The value first, then every gradient, pulled back from `case.cotangent` (from 1 of a model).

    Where NaN or infinity is among the arguments, the results show where they go, and no bound is finite.
    """
    cotangents = cotangents_of(case)
    with np.errstate(all="ignore"):  # a bound may be infinite: then it proves nothing
        if case.wild:
            pattern = evaluated(case, plain.ALGEBRA, cotangents)
            results = {name: np.asarray(x, np.float64) for name, x in pattern.results.items()}
            return [_expected(pattern, name, x, 0.0, np.inf, np.inf) for name, x in results.items()]
        bounds = evaluated(case, rounded.algebra(case.arithmetic), cotangents)
    exact = balls.enclosed(lambda: [*evaluated(case, balls.ALGEBRA, cotangents).results.values()])
    return [
        _expected(bounds, name, each.value, each.radius, x.error, np.minimum(x.spread, x.error))
        for (name, x), each in zip(bounds.results.items(), exact, strict=True)
    ]


def _expected(found: Evaluated, name: str, exact: Real, radius: Any, error: Any, spread: Any) -> Expected:
    kind: Literal["value", "gradient"] = "gradient" if name in found.gradients else "value"
    radius, error, spread = (np.broadcast_to(x, exact.shape) for x in (radius, error, spread))
    return Expected(name, exact, radius, _up(error) + radius, _up(spread) + radius, kind)


def cotangents_of(case: Case) -> list[Real]:
    """Of the shapes of the value."""
    if case.operation.kind == "model":
        return [np.ones(())]
    with np.errstate(all="ignore"):
        return case.cotangent([x.shape for x in evaluated(case, plain.ALGEBRA).values.values()])


def _up(x: Any) -> Real:
    """Rounded to float64, upwards. NaN, of infinities that cancel, is no bound either."""
    return np.nextafter(np.nan_to_num(np.asarray(x, np.float64), nan=np.inf, posinf=np.inf), np.inf)
