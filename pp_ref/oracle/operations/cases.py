"""The cases of an operation: named regimes, each made to catch a bug of its own, and any number of random ones."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from pp_ref.errors import DomainError, check_known
from pp_ref.oracle.algebras.arithmetic import Arithmetic, arithmetic
from pp_ref.oracle.operations.case import Case, Entries
from pp_ref.oracle.operations.draws import Arguments, Draw, Sizes
from pp_ref.oracle.operations.far import FAR, far_case
from pp_ref.oracle.operations.geometries import CONVOLUTIONS
from pp_ref.oracle.operations.large import Plan, large_case, plans
from pp_ref.oracle.operations.nested import is_number, leaves, mapped
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.table import BY_NAME, OPERATIONS

__all__ = ["LAYOUTS", "Case", "case_of", "cases", "chosen", "drawn_case"]

Rng = np.random.Generator
LAYOUTS = ("C", "F", "strided", "reversed")


@dataclass(frozen=True)
class Regime:
    bug: str
    effect: str
    sizes: Callable[[Sizes, Rng], Sizes] = lambda sizes, rng: sizes
    change: Callable[[Arguments, Draw], Arguments] = lambda arguments, draw: arguments
    layout: str = "C"


def _scaled(power: int) -> Callable[[Sizes, Rng], Sizes]:
    return lambda sizes, rng: sizes.at(scale=2.0**power)


def _between(rng: Rng, least: int, most: int) -> int:
    return int(rng.integers(least, most + 1))


def _plain(sizes: Sizes, rng: Rng) -> Sizes:
    """A few of everything, in three columns of which no two need be alike."""
    columns = tuple((_between(rng, 2, 4), _between(rng, 1, 3)) for _ in range(3))
    return sizes.at(n=_between(rng, 4, 6), d=_between(rng, 6, 9), columns=columns)


def _square(sizes: Sizes, rng: Rng) -> Sizes:
    side = _between(rng, 3, 5)
    return sizes.at(n=side, d=side, columns=((side, side),))


def _alike(sizes: Sizes, rng: Rng) -> Sizes:
    side, column = _between(rng, 5, 7), (_between(rng, 2, 4), _between(rng, 1, 3))
    return sizes.at(n=side, d=side, columns=(column,) * _between(rng, 2, 4))


def _tails(sizes: Sizes, rng: Rng) -> Sizes:
    """No multiple of four."""

    def past(tile: int) -> int:
        return tile + int(rng.choice([r for r in range(1, tile // 2) if r % 4]))

    return sizes.at(n=past(32), d=past(16), columns=((past(8), 5), (5, past(16))))


def _integers(arguments: Arguments, draw: Draw) -> Arguments:
    """Small whole numbers: products and sums are exact in every format, in every order."""
    return {
        name: mapped(lambda x: np.rint(np.clip(2 * x, -3, 3)), value) if is_number(value) else value
        for name, value in arguments.items()
    }


def _opposite(arguments: Arguments, draw: Draw) -> Arguments:
    """Inputs in pairs of x and -x (1 - 2^-6): most of every sum cancels."""

    def paired(x: Any) -> Any:
        if x.ndim < 2:
            return x
        half = x[..., : x.shape[-1] // 2]
        y = x.copy()
        y[..., half.shape[-1] : 2 * half.shape[-1]] = -half * (1 - 2.0**-6)
        return draw.stored(y)

    return {name: mapped(paired, value) if is_number(value) else value for name, value in arguments.items()}


_STRIDES = ("pointers are followed as if memory were contiguous", "numbers of other entries, or of none")
REGIMES = {
    "plain": Regime("a wrong formula", "wrong numbers everywhere"),
    "square": Regime(
        "a transpose that is forgotten or superfluous: only square matrices let it through",
        "wrong numbers where shapes would have told",
        _square,
    ),
    "columns of one shape": Regime(
        "columns are exchanged, or the first serves for all: only equal shapes let it through",
        "units of one column computed with another's weights",
        _alike,
    ),
    "tails": Regime(
        "what is left over from the last full tile of 4, 8, 16 or 32 is skipped, or done twice",
        "stale or doubled numbers in the last rows or columns",
        _tails,
    ),
    "one example": Regime(
        "an axis of length 1 is squeezed away, broadcast, or divided by n - 1",
        "wrong shapes or NaN",
        lambda sizes, rng: sizes.at(n=1, d=_between(rng, 2, 4), columns=((_between(rng, 2, 4), 1), (2, 1))),
    ),
    "one unit": Regime(
        "an axis of one unit, one class, one kept weight or one column is squeezed away, or broadcast",
        "wrong shapes, or every unit with the first one's numbers",
        lambda sizes, rng: sizes.at(columns=((1, 1),)),
    ),
    "no example": Regime(
        "a batch of length zero raises, or a mean over it divides 0 by 0",
        "NaN in the parameters after the last, empty, batch",
        lambda sizes, rng: sizes.at(n=0, d=_between(rng, 3, 5), columns=((2, _between(rng, 2, 4)),)),
    ),
    "large numbers": Regime(
        "an intermediate result overflows, or saturates too early", "infinity, NaN or zero", _scaled(5)
    ),
    "small numbers": Regime(
        "an epsilon is added where the equation has none", "small numbers are drowned", _scaled(-7)
    ),
    "whole numbers": Regime(
        "an entry is left out, or counted twice", "exact sums are off by whole numbers", change=_integers
    ),
    "cancellation": Regime(
        "fewer bits than declared: TF32, half precision, a fast but coarse sum",
        "what is left of a sum has no right digit",
        change=_opposite,
    ),
    "Fortran order": Regime(*_STRIDES, layout="F"),
    "strided": Regime(*_STRIDES, layout="strided"),
    "reversed": Regime(*_STRIDES, layout="reversed"),
}
# Regimes of some operations, in which no result is rounded: they have to be equal.
EQUAL = ("minus infinity", "partial sums")
WILD = {"NaN": np.nan, "infinity": np.inf}
# Zeros beyond the edge may be multiplied or left out: where filters are not finite, there are none.
UNPADDED = next(i for i, (*_, padding, _, _) in enumerate(CONVOLUTIONS) if not padding)


def cases(operation: Operation, arithmetic: Arithmetic, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """Every named regime of the operation.

    seed     of everything random
    quick    plain, square, tails, one and no example, and the operation's own: what finds most mistakes
    """
    for name in names(operation, quick):
        yield _case(operation, name, arithmetic, seed)


def names(operation: Operation, quick: bool = False) -> list[str]:
    """The regimes of an operation."""
    quickly = ("plain", "square", "tails", "one example", "no example")
    generic = [name for name in REGIMES if name not in operation.without and (name in quickly or not quick)]
    geometries = [f"geometry {g}" for g in range(1, operation.geometries)]
    wild = [f"{kind} in {name}" for kind in WILD for name in _placed(operation, kind)]
    return [*generic, *operation.regimes, *geometries[: 2 if quick else None], *(wild if not quick else [])]


# Regime -> whether it is one of a thorough run: "edges 3" is the fourth plan of them.
PLANNED = {"edges": False, "long edges": True}


def large_cases(
    operation: Operation, arithmetic: Arithmetic, seed: int = 0, quick: bool = False, thorough: bool = False
) -> Iterator[Case]:
    """At the edges of tiles: `pp_ref.oracle.operations.large`. Those of which arrays are largest come last: the
    others tell how long they take.

    quick     the two of which arrays are largest
    thorough  also those that take longer
    """
    for kind, longer in PLANNED.items():
        if thorough or not longer:
            for i in reversed(range(len(plans(operation, seed, longer)[: 2 if quick else None]))):
                yield _case(operation, f"{kind} {i}", arithmetic, seed)


def far_cases(operation: Operation, arithmetic: Arithmetic, seed: int = 0) -> Iterator[Case]:
    """Beyond what 32 bits count: `pp_ref.oracle.operations.far`."""
    for name in FAR:
        case = far_case(operation, name, arithmetic, seed, _number(operation, name, seed))
        if case is not None:
            yield case


def _number(operation: Operation, name: str, seed: int) -> int:
    return zlib.crc32(f"{operation.name}/{name}/{seed}".encode())


def _plan(operation: Operation, regime: str, seed: int) -> Plan | None:
    """That of a regime which is one of a plan."""
    kind, _, place = regime.rpartition(" ")
    if kind not in PLANNED or not place.isdigit():
        return None
    found = plans(operation, seed, PLANNED[kind])
    return found[int(place)] if int(place) < len(found) else None


def case_of(identity: str) -> Case:
    """The case that an id names.

    raises  DomainError if there is none
    """
    parts = identity.split("/")
    if len(parts) != 4 or parts[0] not in BY_NAME or not parts[3].isdigit():
        raise DomainError(f"id is {identity!r}, expected OPERATION/REGIME/ARITHMETIC/SEED, as a report names its cases")
    operation = BY_NAME[parts[0]]
    known = [*names(operation), "random"]
    if parts[1] in FAR:
        for case in far_cases(operation, arithmetic(parts[2]), int(parts[3])):
            if case.regime == parts[1]:
                return case
    if parts[1] not in known and _plan(operation, parts[1], int(parts[3])) is None:
        raise DomainError(f"id is {identity!r}, but {operation} has no regime {parts[1]!r}: it has {', '.join(known)}")
    return _case(operation, parts[1], arithmetic(parts[2]), int(parts[3]))


def random_case(operation: Operation, arithmetic: Arithmetic, seed: int) -> Case:
    """Sizes, scale, geometry, layout and numbers drawn from the seed."""
    return _case(operation, "random", arithmetic, seed)


def _case(operation: Operation, name: str, arithmetic: Arithmetic, seed: int) -> Case:
    number = _number(operation, name, seed)
    rng = np.random.default_rng([number, 1])  # of shapes
    sizes = _plain(Sizes(seed=number), rng)
    if name == "random":
        return _random(operation, arithmetic, seed, number)
    plan = _plan(operation, name, seed)
    if plan is not None:
        return large_case(operation, name, arithmetic, seed, number, plan)
    if name in operation.regimes:
        bug, effect, drawn = operation.regimes[name]
        whole = Entries(1, 1.0) if name in EQUAL else None
        return Case(operation, name, arithmetic, seed, bug, effect, drawn(Draw(sizes, arithmetic)), whole=whole)
    if name.startswith("geometry "):
        bug, effect = "an edge, a stride or a padding is wrong in this geometry", "pixels shifted, lost or read twice"
        draw = Draw(
            sizes.at(
                n=2, d=_between(rng, 2, 3), columns=((3, 2), (2, _between(rng, 1, 3))), geometry=int(name.split()[1])
            ),
            arithmetic,
        )
        return Case(operation, name, arithmetic, seed, bug, effect, operation.arguments(draw))
    kind, _, argument = name.partition(" in ")
    if argument:
        arguments = operation.arguments(Draw(sizes.at(geometry=0 if argument == "v" else UNPADDED), arithmetic))
        first = next(leaf for leaf in leaves(arguments[argument]) if leaf.size)
        _place(first, number, WILD[kind])  # arrays drawn here: nobody else's
        bug, effect = f"{kind} is hidden, by a maximum, a mask or a comparison", "a diverged run looks healthy"
        return Case(operation, name, arithmetic, seed, bug, effect, arguments, wild=True)
    regime = REGIMES[name]
    sizes = regime.sizes(sizes, rng)
    if operation.geometries > 1:  # an image is many examples of its own
        sizes = sizes.at(n=min(sizes.n, 5), d=min(sizes.d, 9), columns=tuple((min(k, 5), m) for k, m in sizes.columns))
    if operation.windows == "filters" and regime.layout == "reversed":  # a copy into zeros would be contiguous
        sizes = sizes.at(geometry=UNPADDED)
    draw = Draw(sizes, arithmetic)
    arguments = regime.change(operation.arguments(draw), draw)
    return Case(operation, name, arithmetic, seed, regime.bug, regime.effect, arguments, regime.layout)


def _place(x: Any, number: int, wild: float) -> None:
    """Put it somewhere, not at the end of an axis: a running sum shows it behind its place. A zero follows it, beside
    which a product that is skipped would hide NaN."""
    place = tuple(number % max(length - 1, 1) for length in x.shape)
    x[place] = wild
    if x.ndim and x.shape[-1] > 1 and np.isnan(wild):
        x[(*place[:-1], place[-1] + 1)] = 0.0


def _random(operation: Operation, arithmetic: Arithmetic, seed: int, number: int) -> Case:
    rng = np.random.default_rng(number)
    columns = tuple((int(k), int(m)) for k, m in rng.integers(1, 7, (rng.integers(1, 4), 2)))
    sizes = Sizes(
        n=int(rng.integers(0, 9)),
        d=int(rng.integers(1, 10)),
        columns=columns,
        scale=2.0 ** int(rng.integers(-4, 3)),
        geometry=int(rng.integers(operation.geometries)),
        seed=number,
    )
    return drawn_case(operation, arithmetic, sizes, LAYOUTS[rng.integers(len(LAYOUTS))], "random", seed)


def drawn_case(
    operation: Operation, arithmetic: Arithmetic, sizes: Sizes, layout: str, regime: str = "drawn", seed: int = 0
) -> Case:
    """Of any sizes; "drawn" cases have no id that `case_of` would know."""
    arguments = operation.arguments(Draw(sizes, arithmetic))
    return Case(operation, regime, arithmetic, seed, "any", "any", arguments, layout)


def _placed(operation: Operation, kind: str) -> list[str]:
    """The arguments in which NaN and infinity are placed. Beyond products, what infinity gives is a matter of taste."""
    if kind == "infinity":
        return list(operation.linear)
    if operation.learned:
        return list(operation.learned)
    drawn = operation.arguments(Draw(Sizes(), arithmetic("float64")))
    return [name for name, value in drawn.items() if is_number(value) and name not in operation.fixed]


def chosen(
    name: str,
    only: Sequence[str] = (),
    seed: int = 0,
    quick: bool = False,
    replay: str | None = None,
    among: Sequence[str] | None = None,
    thorough: bool = False,
    large: bool = True,
    far: bool = False,
) -> Iterator[tuple[Operation, Iterator[Case]]]:
    """Every operation with its cases; arguments as of `pp_ref.oracle.conform`, name that of the arithmetic.

    large  whether cases at the edges of tiles are among them
    far    and cases beyond what 32 bits count
    """
    if replay is not None and among is not None and replay not in among:
        raise DomainError(f"replay is {replay!r}, which is not among the cases that were exported")
    if replay is not None:
        case = case_of(replay)
        yield case.operation, iter([case])
        return
    there = BY_NAME if among is None else dict.fromkeys(identity.partition("/")[0] for identity in among)
    if isinstance(only, str):
        raise DomainError(f"only is {only!r}, expected a list of operations: pass [{only!r}]")
    for each in only:
        check_known("only", each, there)
    for operation in OPERATIONS:
        if operation.name in (only or there):
            if among is None:
                every = _every(operation, arithmetic(name), seed, quick, thorough, large)
                yield operation, chain(every, far_cases(operation, arithmetic(name), seed) if far else ())
            else:
                yield operation, map(case_of, [each for each in among if each.partition("/")[0] == operation.name])


def _every(
    operation: Operation, arithmetic: Arithmetic, seed: int, quick: bool, thorough: bool, large: bool
) -> Iterator[Case]:
    yield from cases(operation, arithmetic, seed, quick)
    if large:
        yield from large_cases(operation, arithmetic, seed, quick, thorough)


def every_case(arithmetic: Arithmetic, seed: int = 0, quick: bool = False) -> Iterator[Case]:
    """Of every operation, in the table's order."""
    for operation in OPERATIONS:
        yield from cases(operation, arithmetic, seed, quick)
