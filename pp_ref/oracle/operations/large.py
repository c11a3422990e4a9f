"""Cases at the edges of tiles: every axis of an operation takes every edge in some case of a run, alone or with others.

Where an operation sums or moves numbers, its arguments are whole numbers so small that nothing rounds, so that results
have to be equal and a case takes milliseconds. Elsewhere its bounds are derived as those of small cases are.
"""

from collections.abc import Iterator
from functools import cache
from math import isqrt, prod
from typing import Any

import numpy as np

from pp_ref.oracle.algebras.arithmetic import ARITHMETICS, Arithmetic
from pp_ref.oracle.algebras.whole import Rounds
from pp_ref.oracle.operations.case import Case, Entries
from pp_ref.oracle.operations.draws import Draw, Real, Sizes
from pp_ref.oracle.operations.nested import leaves
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.truth import equal, shapes

__all__ = ["EDGES", "Integers", "Plan", "axes", "exact", "ladder", "large_case", "plans", "whole_numbers"]

EDGES = (15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1025)
BUG = "beyond an extent that was tried, or past the last full tile, other code runs"
EFFECT = "small problems are right, those of real size are not"
DERIVED = (17, 33, 65, 129, 257, 1025)  # where results are not whole numbers, and a case takes more time
# The largest product of two extents, of all extents of matrices, where there are images, and where bounds are derived.
PAIR, MATRICES, IMAGES, BOUNDS = 2**17, 2**21, 3 * 2**14, 2**14
GRID = 2 * EDGES[-1]  # pixels of a grid, at most: whoever forms K needs their square

Plan = dict[str, int]


class Integers(Draw):
    """Whole numbers in place of others."""

    def __init__(self, sizes: Sizes, arithmetic: Arithmetic, entries: Entries) -> None:
        super().__init__(sizes, arithmetic)
        self.entries = entries

    def __call__(self, *shape: int, scale: float = 1.0) -> Real:
        return self.entries.drawn(self.rng, shape)

    def taps(self, size: int, slowly: bool) -> Real:
        taps = abs(self(size))  # of a covariance: the first is 1, and none is negative
        taps[0] = 1.0
        return taps


@cache
def axes(operation: Operation) -> dict[str, int]:
    """Those on which an operation's shapes depend, of n, d, k, m, height and width, and in how many axes of one array
    each of them is.
    """

    def drawn_shapes(sizes: Sizes) -> list[tuple[int, ...]]:
        drawn = operation.arguments(Draw(sizes, ARITHMETICS["float64"]))
        case = Case(operation, "", ARITHMETICS["float64"], 0, BUG, EFFECT, drawn)
        found = [np.shape(leaf) for value in drawn.values() for leaf in leaves(value)]
        return [*found, *shapes(case).values()]

    at = Sizes(n=11, d=13, columns=((5, 3),), geometry=_window(operation, np.random.default_rng(0)), image=(19, 23))
    longer = {
        "n": at.at(n=12),
        "d": at.at(d=14),
        "k": at.at(columns=((6, 3),)),
        "m": at.at(columns=((5, 4),)),
        "height": at.at(image=(20, 23)),
        "width": at.at(image=(19, 24)),
    }
    first = drawn_shapes(at)
    pairs = {axis: list(zip(first, drawn_shapes(sizes), strict=True)) for axis, sizes in longer.items()}
    times = {axis: max(sum(a != b for a, b in zip(*pair, strict=True)) for pair in pairs[axis]) for axis in pairs}
    return {axis: count for axis, count in times.items() if count}


@cache
def whole_numbers(operation: Operation) -> bool:
    """Whether nothing rounds where the arguments are small whole numbers."""
    arithmetic = ARITHMETICS["float64"]
    sizes = Sizes(n=3, d=5, columns=((2, 3),), geometry=_window(operation, np.random.default_rng(0)), image=(4, 4))
    drawn = operation.arguments(Integers(sizes, arithmetic, Entries(1, 1.0)))
    case = Case(operation, "", arithmetic, 0, BUG, EFFECT, drawn, whole=Entries(1, 1.0))
    return exact(case)


def exact(case: Case) -> bool:
    """Whether nothing rounds."""
    try:
        equal(case)
    except Rounds:
        return False
    return True


@cache
def plans(operation: Operation, seed: int, thorough: bool = False) -> tuple[Plan, ...]:
    """Which axes take which edges in every case: each one each of them that fits, the longest first.

    thorough  of more work a case, so that more axes are long together; every edge also where bounds are derived
    """
    rng = np.random.default_rng([seed, thorough, *operation.name.encode()])
    there = [*axes(operation)]
    found = _offsets(operation)
    most = _most(operation) * (16 if thorough else 1)
    for edge in sorted(EDGES if whole_numbers(operation) or thorough else DERIVED, reverse=True):
        for axis in map(str, rng.permutation(there)):
            fitting = [plan for plan in found if axis not in plan and _fits(operation, plan | {axis: edge}, most)]
            if fitting:
                fitting[rng.integers(len(fitting))][axis] = edge
            elif _fits(operation, {axis: edge}, most):
                found.append({axis: edge})
    return tuple(found)


def _offsets(operation: Operation) -> list[Plan]:
    """More than 2^16 elements in one array, of which offsets of 16 bits cannot tell the last from the first."""
    there = axes(operation)
    if not whole_numbers(operation):
        return []
    if "height" in there:
        return [{"n": 65, "height": 33, "width": 32}] if "n" in there else []
    apart = [axis for axis, times in there.items() if times == 1]
    pairs = dict.fromkeys([tuple(apart[:2]), tuple(apart[-2:])])
    return [{first: 1025, second: 65} for first, second in (pair for pair in pairs if len(pair) == 2)]


def _most(operation: Operation) -> int:
    """The largest product of all extents of a case."""
    if not whole_numbers(operation):
        return BOUNDS
    there = axes(operation)
    return IMAGES if "height" in there and (operation.windows or "k" not in there) else MATRICES


def _fits(operation: Operation, plan: Plan, most: int) -> bool:
    times = axes(operation)
    grid = not operation.windows and {"height", "width", "k"} <= times.keys()
    if grid and plan.get("height", 2) * plan.get("width", 2) > GRID:
        return False
    extents = sorted([extent for axis in times for extent in times[axis] * [plan.get(axis, 2)]])
    return prod(extents[-2:]) <= PAIR and prod(extents) <= most


def large_case(operation: Operation, regime: str, arithmetic: Arithmetic, seed: int, number: int, plan: Plan) -> Case:
    """One case of a plan. Axes that it leaves alone are short."""
    sizes = _sizes(operation, plan, number)
    if whole_numbers(operation):
        for entries, cotangents in ladder(arithmetic):
            drawn = operation.arguments(Integers(sizes, arithmetic, entries))
            case = Case(operation, regime, arithmetic, seed, BUG, EFFECT, drawn, large=True, whole=cotangents)
            if exact(case):
                return case
        # Sums of squares of squares, say, that no half precision stores: of general numbers, and shorter.
        sizes = _sizes(operation, {axis: min(edge, 33) for axis, edge in plan.items()}, number)
    drawn = operation.arguments(Draw(sizes, arithmetic))
    return Case(operation, regime, arithmetic, seed, BUG, EFFECT, drawn, large=True)


def ladder(arithmetic: Arithmetic) -> Iterator[tuple[Entries, Entries]]:
    """Of arguments and of cotangents: products of two are stored. Sums over a batch of images may be long."""
    for largest in (1023, 127, 15, 3, 1):
        if 2 * largest**2 < 2**arithmetic.bits:
            yield Entries(largest, 1.0), Entries(largest, 1.0)
    for share in (2.0**-1, 2.0**-2, 2.0**-3, 2.0**-4):
        for scarcer in (1, 2**-3, 2**-6):
            yield Entries(1, share), Entries(1, share * scarcer)


def _sizes(operation: Operation, plan: Plan, number: int) -> Sizes:
    rng = np.random.default_rng(number)

    def extent(axis: str, least: int = 1) -> int:
        return plan.get(axis, int(rng.integers(least, least + 3)))

    columns = [(extent("k"), extent("m"))]
    side = 3 if operation.windows else min(max(isqrt(columns[0][0]) + 1, 3), 17)  # of a grid, which has what is kept
    if rng.integers(2):
        columns.append((int(rng.integers(1, 4)), int(rng.integers(1, 4))))
    return Sizes(
        n=extent("n"),
        d=extent("d"),
        columns=tuple(columns),
        geometry=_window(operation, rng),
        image=(extent("height", side), extent("width", side)),
        seed=number,
    )


def _window(operation: Operation, rng: np.random.Generator) -> Any:
    """Of a filter: height, width, stride, padding. Of a pooling: a size whose square is a power of two, and so is what
    an edge leaves of it; stride, ceil.
    """
    if operation.windows == "filters":
        return (*map(int, rng.integers(1, 4, 2)), int(rng.integers(1, 3)), int(rng.integers(0, 2)))
    if operation.windows == "pools":
        return (2, int(rng.integers(1, 4)), bool(rng.integers(2)))
    return int(rng.integers(operation.geometries))
