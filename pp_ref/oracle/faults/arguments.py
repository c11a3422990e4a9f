"""Mistakes in what a function reads: what its definition gives for other arguments than it was given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import plain
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS, Arithmetic
from pp_ref.oracle.faults.mistakes import Mistake
from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.nested import is_number, leaves, mapped
from pp_ref.oracle.operations.truth import cotangents_of, evaluated

__all__ = ["CUTS", "Arguments", "Other", "each_array", "mistake", "of_arguments", "rounded_operands"]

Real = NDArray[np.float64]
Arguments = dict[str, Any]
CUTS = (1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024)  # from where an axis is not read
TILES = (4, 8, 16, 32, 64, 128)  # whose rest is not read


@dataclass(frozen=True)
class Other:
    """Other arguments in the place of a case's: a name, what the results are then, to be read after "y is", and the
    arguments of a case, or None where they are the same."""

    name: str
    sentence: str
    change: Callable[[Case], Arguments | None]


def of_arguments(case: Case) -> Iterator[Mistake]:
    """Every such mistake of an operation, of which this is a case."""
    for other in _others(case):
        yield mistake(case, other)


def mistake(case: Case, other: Other) -> Mistake:
    """What an operation gives for other arguments."""
    return Mistake(other.sentence, partial(_results, other.change), f"{case.operation}/{other.name}", of_results=True)


def rounded_operands(case: Case) -> Iterator[Mistake]:
    """Numbers that are rounded before use, one argument's or all, further than the case's arithmetic has it."""
    names = [name for name, value in case.arguments.items() if is_number(value)]
    factors = [name for name in names if any(np.ndim(x) > 1 for x in leaves(case.arguments[name]))]
    sets = {tuple(names): None, tuple(factors): None} | {(name,): None for name in names}
    for arithmetic in coarser(case.arithmetic):
        for chosen in filter(None, sets):
            who = " and ".join(chosen)
            other = Other(
                f"{who} rounded to {arithmetic.name}",
                f"what {who} rounded to {significant(arithmetic)} bits, as {arithmetic.name} does, would give",
                partial(_rounded, list(chosen), arithmetic),
            )
            yield mistake(case, other)


def coarser(declared: Arithmetic) -> list[Arithmetic]:
    """Those with fewer bits, the finest first."""
    every = (ARITHMETICS[name] for name in ("float32", "tf32", "float16", "bfloat16"))
    return [each for each in every if each.unit + each.operand > declared.unit + declared.operand]


def significant(arithmetic: Arithmetic) -> int:
    """Bits of an operand."""
    return 11 if arithmetic.name == "tf32" else arithmetic.bits


def _rounded(names: list[str], arithmetic: Arithmetic, case: Case) -> Arguments:
    bits = ARITHMETICS["float16"] if arithmetic.name == "tf32" else arithmetic
    wide = replace(bits, tiny=ARITHMETICS["float32"].tiny) if arithmetic.name == "tf32" else bits
    given = case.arguments
    return given | {name: mapped(wide.representable, given[name]) for name in names}


def _results(change: Callable[[Case], Arguments | None], case: Case) -> dict[str, Real]:
    """Of a case that is left as it is, what is due there. Gradients alone where a cotangent still has its shape."""
    given = change(case)
    other = case if given is None else replace(case, arguments=given)
    with np.errstate(all="ignore"):
        dy = cotangents_of(case)
        shapes = [x.shape for x in evaluated(other, plain.SHAPES).values.values()]
        fits = shapes == [each.shape for each in dy]
        found = evaluated(other, plain.ALGEBRA, dy if fits else None).results
    return {name: np.asarray(x, np.float64) for name, x in found.items()}


def _others(case: Case) -> Iterator[Other]:
    arguments = case.arguments
    numbers = [name for name, value in arguments.items() if is_number(value)]
    yield Other(
        "memory read as contiguous",
        "what the arguments would give if their memory were contiguous",
        lambda case: _memory(case, numbers),
    )
    for name in numbers:
        yield Other(
            f"{name} read as contiguous",
            f"what {name} would give if its memory were contiguous",
            partial(_memory, names=[name]),
        )
        for said, change in _CHANGES.items():
            words = said.format(name)
            yield Other(words, f"what {words} would give", partial(each_array, name, change))
        for axis in range(max((np.ndim(x) for x in leaves(arguments[name])), default=0)):
            yield from _along(name, axis)
        if isinstance(arguments[name], list) and len(arguments[name]) > 1:
            yield from _of_columns(name)
    for name, value in arguments.items():
        yield from _settings(name, value)


# An array by what is read in its place; None where it is the same.
_CHANGES: dict[str, Callable[[Any], Any]] = {
    "zeros in place of {}": lambda x: np.zeros_like(x),
    "the transpose of {}, where it is square,": lambda x: (
        x.swapaxes(-1, -2) if x.ndim > 1 and x.shape[-1] == x.shape[-2] else x
    ),
    "{} with height and width exchanged, where they are equal,": lambda x: (
        x.swapaxes(1, 2) if x.ndim == 4 and x.shape[1] == x.shape[2] else x
    ),
    "minus {}": lambda x: -x,
    "the absolute values of {}": abs,
    "the diagonal of {} alone": lambda x: x * np.eye(len(x)) if _square(x) else x,
    "the lower triangle of {} alone": lambda x: np.tril(x) if _square(x) else x,
    "the upper triangle of {} alone": lambda x: np.triu(x) if _square(x) else x,
    "the inverse of {}": lambda x: np.linalg.inv(x) if _square(x) and x.size else x,
    "{} with its first entries wrapped around to its end (a circulant matrix in place of a Toeplitz one)": lambda x: (
        x[np.minimum(np.arange(x.size), x.size - np.arange(x.size))] if x.ndim == 1 and x.size else x
    ),
    "{} cut off at 65504": lambda x: np.clip(x, -65504, 65504),
    "{}, its memory read in the other order (a reshape where a transpose is due),": lambda x: x.ravel().reshape(
        x.shape, order="F"
    ),
}


def _square(x: Any) -> bool:
    return bool(x.ndim == 2 and x.shape[0] == x.shape[1])


def each_array(name: str, change: Callable[[Any], Any], case: Case) -> Arguments:
    return case.arguments | {name: mapped(change, case.arguments[name])}


def _memory(case: Case, names: list[str]) -> Arguments:
    """What lies behind the first number of each array, in a row."""

    def read(x: Any) -> Any:
        if case.layout == "F":
            return x.ravel(order="F").reshape(x.shape)
        if case.layout == "reversed":
            return x[(slice(None, None, -1),) * x.ndim]
        if case.layout == "strided":
            wide = np.full([2 * length for length in x.shape], np.nan)
            wide[(slice(None, None, 2),) * x.ndim] = x
            return wide.ravel()[: x.size].reshape(x.shape)
        return x

    return case.arguments | {name: mapped(read, case.arguments[name]) for name in names}


def _along(name: str, axis: int) -> Iterator[Other]:
    """Of one axis: the rest of a tile, what lies beyond an extent, an end, and an order."""
    along = f"axis {axis} of {name}"

    def other(said: str, change: Callable[[Any], Any]) -> Other:
        def changed(x: Any) -> Any:
            return x if x.ndim <= axis or not x.size else np.moveaxis(change(np.moveaxis(x, axis, 0).copy()), 0, axis)

        return Other(said, f"what {said} would give", partial(each_array, name, changed))

    def without(part: Callable[[int], slice]) -> Callable[[Any], Any]:
        def cut(x: Any) -> Any:
            x[part(len(x))] = 0
            return x

        return cut

    yield other(f"{name} reversed along axis {axis}", lambda x: x[::-1])
    yield other(f"{name} without the last of axis {axis}", without(lambda n: slice(n - 1, None)))
    yield other(f"{name} without the first of axis {axis}", without(lambda n: slice(0, 1)))
    yield other(f"{name} shifted by one along axis {axis}", lambda x: np.roll(x, 1, axis=0))
    yield other(f"{name} shifted back by one along axis {axis}", lambda x: np.roll(x, -1, axis=0))
    yield other(f"the first entries of {along} for all of them", lambda x: np.broadcast_to(x[:1], x.shape))
    for tile in TILES:
        rest = f"{name} without what is past the last full tile of {tile} of axis {axis}"
        yield other(rest, without(partial(_rest, tile)))
        # Where no axis is shorter than the tile, its size is not known.
        left = f"{name} without what is left over of axis {axis} past its last full tile, once there is one,"
        yield other(left, without(partial(_later_rest, tile)))
        yield other(f"{name} without every second tile of {tile} of axis {axis}", partial(_first_tiles, tile))
    for cut in CUTS:
        yield other(f"{name} without what is past {cut} of axis {axis}", without(partial(_past, cut)))
    for tile in TILES:
        yield other(f"half of {name} alone where axis {axis} is a multiple of {tile}", without(partial(_half, tile)))


def _rest(tile: int, n: int) -> slice:
    return slice(n // tile * tile, None)


def _later_rest(tile: int, n: int) -> slice:
    return slice(n // tile * tile if n > tile else n, None)


def _first_tiles(tile: int, x: Any) -> Any:
    x[np.arange(len(x)) // tile % 2 == 1] = 0
    return x


def _past(cut: int, n: int) -> slice:
    return slice(cut, None)


def _half(tile: int, n: int) -> slice:
    return slice(n // 2, None) if n % tile == 0 else slice(0, 0)


def put(name: str, change: Callable[[Any], Any], case: Case) -> Arguments:
    return case.arguments | {name: change(case.arguments[name])}


def _fixed(value: Any, x: Any) -> Any:
    return value


def _of_columns(name: str) -> Iterator[Other]:
    changes: dict[str, Callable[[list[Any]], list[Any]]] = {
        f"{name}[0] for every column": lambda every: every[:1] * len(every),
        f"{name} in reverse order": lambda every: every[::-1],
        f"{name} of the next column": lambda every: [*every[1:], every[0]],
        f"{name} side by side, by a reshape where a transpose is due,": _joined,
        f"{name} without its last array": lambda every: [*every[:-1], _none(every[-1])],
        f"{name} without its first array": lambda every: [_none(every[0]), *every[1:]],
        f"{name} without its last array, if their number is odd,": lambda every: (
            [*every[:-1], _none(every[-1])] if len(every) % 2 and len(every) > 1 else every
        ),
        f"the first array of the same shape for every one of {name}": lambda every: [
            next(x for x in every if np.shape(x) == np.shape(each)) if not isinstance(each, list) else each
            for each in every
        ],
    }
    for said, change in changes.items():
        yield Other(
            said,
            f"what {said} would give",
            partial(put, name, change),
        )


def _joined(every: list[Any]) -> list[Any]:
    if any(np.ndim(x) != 2 or len(x) != len(every[0]) for x in every):
        return every
    x = np.concatenate(every, axis=1)
    return np.split(x.reshape(x.shape[::-1]).T, np.cumsum([each.shape[1] for each in every[:-1]]), axis=1)


def _none(x: Any) -> Any:
    return mapped(np.zeros_like, x)


def _settings(name: str, value: Any) -> Iterator[Other]:
    others: dict[str, Callable[[Any], Any]] = {}
    if isinstance(value, bool):
        others = {f"{name} is True": lambda x: True, f"{name} is False": lambda x: False}
    elif isinstance(value, int):
        others = {f"{name} = {fixed}": partial(_fixed, fixed) for fixed in (0, 1, 2, 3)}
        others |= {f"{name} + 1": lambda x: x + 1, f"{name} - 1": lambda x: x - 1, f"twice {name}": lambda x: 2 * x}
    elif isinstance(value, float):
        others = {f"{name} = {fixed:g}": partial(_fixed, fixed) for fixed in (0.0, 1.0)}
        others |= {
            f"twice {name}": lambda x: 2 * x,
            f"half of {name}": lambda x: x / 2,
            f"the square of {name}": lambda x: x * x,
            f"the root of {name}": lambda x: x**0.5,
            f"1 / {name}": lambda x: 1 / x,
        }
    elif isinstance(value, tuple) and len(value) == 2 and all(isinstance(each, int) for each in value):
        others = {f"{name} in reverse order": lambda x: x[::-1]}
    for said, change in others.items():
        words = said if "=" in said or " is " in said else f"{said} in place of {name}"
        yield Other(
            words,
            f"what {words} would give",
            partial(put, name, change),
        )
