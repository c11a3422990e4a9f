"""What a diagnosis rests on: judged cases, and how near computed numbers are to others."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.candidates.behaviour import Observation
from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.truth import Expected
from pp_ref.oracle.verdict.findings import Finding, Status
from pp_ref.oracle.verdict.judge import shares

__all__ = ["Evidence", "allowed", "apart", "axis_name", "base", "near", "outside", "size"]

Real = NDArray[np.float64]
AXES = {2: {0: "rows", 1: "columns"}, 4: {0: "images", 1: "height", 2: "width", 3: "channels"}}


def axis_name(ndim: int, axis: int) -> str:
    """What the entries along an axis are called, in an array of so many axes: "rows"."""
    return AXES.get(ndim, {}).get(axis, f"axis {axis}")


@dataclass(frozen=True)
class Evidence:
    """One judged case: what was due, what was seen, what was found."""

    case: Case
    expected: list[Expected]
    seen: Observation
    finding: Finding

    @cached_property
    def wrong(self) -> list[tuple[Expected, Real]]:
        """The results outside their bounds, with what was computed, in the run that is off most."""
        bad = {tensor.name for tensor in self.finding.tensors if not tensor.ratio <= 1}
        return [(each, max(self.seen.runs(each.name), key=_off(each))) for each in self.expected if each.name in bad]

    @cached_property
    def first(self) -> list[tuple[Expected, Real]]:
        """Those of them that are arrays of one list: dw[0] and dw[2], say, with the first of them."""
        name = base(self.wrong[0][0].name)
        return [(each, computed) for each, computed in self.wrong if base(each.name) == name]

    @property
    def name(self) -> str:
        """What these are called: "dw", or "dw, in some of its arrays," where others of them are right."""
        name = base(self.first[0][0].name)
        every = sum(base(each.name) == name for each in self.expected)
        return name if len(self.first) == every else f"{name}, in some of its arrays,"

    @cached_property
    def misshapen(self) -> list[tuple[Expected, Real]]:
        """The results of another shape than is due."""
        found = ((each, self.seen.results.get(each.name)) for each in self.expected)
        return [(each, x) for each, x in found if x is not None and x.shape != each.exact.shape]

    @property
    def passed(self) -> bool:
        """Whether all of its results are as they have to be."""
        return bool(self.expected) and self.finding.status == Status.passed

    @property
    def spoilt(self) -> bool:
        """Whether there is NaN in a result that is wrong."""
        return any(np.isnan(computed).any() for _, computed in self.wrong)


def _off(expected: Expected) -> Callable[[Real], float]:
    """The largest share of a bound."""
    return lambda computed: float(np.max(shares(computed, expected.exact, expected.bound), initial=0.0))


def base(name: str) -> str:
    """The argument that a result is of: "dw" of "dw[1]"."""
    return name.partition("[")[0]


def size(item: Evidence) -> int:
    return sum(each.exact.size for each in item.expected)


def outside(expected: Expected, computed: Real) -> NDArray[np.bool_]:
    """Which entries are outside their bounds."""
    return shares(computed, expected.exact, expected.bound) > 1


def apart(a: Real, b: Real) -> Real:
    """|a - b|, where equal infinities and NaN beside NaN are no difference."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, abs(a - b))


def allowed(expected: Expected, other: Real) -> Real:
    """How far computed numbers may be from others than the exact ones: twice their bounds, scaled where those are
    larger. A mistake's own rounding errors are taken to be of the size of the right function's.
    """
    if other.shape != expected.exact.shape:
        finite = expected.bound[np.isfinite(expected.bound)]
        return np.full(other.shape, 2 * float(np.max(finite, initial=0.0)))
    with np.errstate(all="ignore"):
        scale = np.nan_to_num(abs(other / expected.exact), nan=1.0, posinf=1.0)
    return np.where(np.isfinite(expected.bound), 2 * np.fmax(scale, 1.0) * expected.bound, 0.0)


def near(expected: Expected, computed: Real, other: Real) -> Real | None:
    """How far each entry may be off, if the computed numbers are the others; None if they are not.

    Another formula may cancel where the right one does not: then entries share the largest bound of the tensor.
    """
    if computed.shape != other.shape:
        return None
    off, each = apart(computed, other), allowed(expected, other)
    if (off <= each).all():
        return each
    most = np.full(off.shape, 2 * _scale(expected, other) * _most(expected))
    return most if (off <= most).all() else None


def _most(expected: Expected) -> float:
    finite = expected.bound[np.isfinite(expected.bound)]
    return float(np.max(finite, initial=0.0))


def _scale(expected: Expected, other: Real) -> float:
    size, others = (float(np.max(abs(x[np.isfinite(x)]), initial=0.0)) for x in (expected.exact, other))
    return max(1.0, others / size) if size else 1.0
