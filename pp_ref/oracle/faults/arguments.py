"""Mistakes in what a function reads: what its definition gives for other arguments than it was given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import plain
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS, Arithmetic
from pp_ref.oracle.faults.mistakes import Mistake
from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.nested import is_number, leaves, mapped
from pp_ref.oracle.operations.truth import cotangents_of, evaluated

__all__ = ["of_arguments", "other_axis", "rounded_operands"]

Real = NDArray[np.float64]
Arguments = dict[str, Any]
CUTS = (1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024)  # from where an axis is not read
BLOCKS = (64, 128, 256, 512, 1024)  # of entries in a row, whose rest is not read
TILES = (4, 8, 16, 32, 64, 128)  # whose rest is not read


@dataclass(frozen=True)
class _Other:
    """Other arguments in the place of a case's: a name, what the results are then, to be read after "y is", and the
    arguments of a case, or None where they are the same."""

    name: str
    sentence: str
    change: Callable[[Case], Arguments | None]


def of_arguments(case: Case) -> Iterator[Mistake]:
    """Every such mistake of an operation, of which this is a case."""
    for other in _others(case):
        yield Mistake(
            other.sentence, partial(_results, other.change), f"{case.operation}/{other.name}", of_results=True
        )


def rounded_operands(case: Case) -> Iterator[Mistake]:
    """Numbers that are rounded before use, one argument's or all, further than the case's arithmetic has it."""
    names = [name for name, value in case.arguments.items() if is_number(value)]
    factors = [name for name in names if any(np.ndim(x) > 1 for x in leaves(case.arguments[name]))]
    sets = {tuple(names): None, tuple(factors): None} | {(name,): None for name in names}
    for arithmetic in coarser(case.arithmetic):
        for chosen in filter(None, sets):
            who = " and ".join(chosen)
            other = _Other(
                f"{who} rounded to {arithmetic.name}",
                f"what {who} rounded to {significant(arithmetic)} bits, as {arithmetic.name} does, would give",
                partial(_rounded, list(chosen), arithmetic),
            )
            yield Mistake(
                other.sentence, partial(_results, other.change), f"{case.operation}/{other.name}", of_results=True
            )


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


def _others(case: Case) -> Iterator[_Other]:
    arguments = case.arguments
    numbers = [name for name, value in arguments.items() if is_number(value)]
    yield _Other(
        "memory read as contiguous",
        "what the arguments would give if their memory were contiguous",
        lambda case: _memory(case, numbers),
    )
    for name in numbers:
        yield _Other(
            f"{name} read as contiguous",
            f"what {name} would give if its memory were contiguous",
            partial(_memory, names=[name]),
        )
        for said, change in _CHANGES.items():
            words = said.format(name)
            yield _Other(words, f"what {words} would give", partial(_each, name, change))
        for axis in range(max((np.ndim(x) for x in leaves(arguments[name])), default=0)):
            yield from _along(name, axis)
        if isinstance(arguments[name], list) and len(arguments[name]) > 1:
            yield from _of_columns(name)
    for name, value in arguments.items():
        yield from _settings(name, value)
        yield from _indices(name, value)
        if is_number(value):
            yield from _orders(name, case)
    yield from _together(case, numbers)
    if "widths" in arguments:
        yield from _offsets(case)


def other_axis(case: Case) -> Iterator[Mistake]:
    """Of a function of one matrix to another of its shape: rows taken for columns, and columns for rows."""
    numbers = [value for value in case.arguments.values() if is_number(value)]
    if len(numbers) == 1 and isinstance(numbers[0], np.ndarray) and numbers[0].ndim == 2:
        yield Mistake(
            "what comes of the other axis, rows for columns or columns for rows",
            _transposed,
            f"{case.operation}/the other axis",
            of_results=True,
        )


def _transposed(case: Case) -> dict[str, Real]:
    other = replace(case, arguments=_put_all({name: _turned for name in case.arguments}, case))
    found = evaluated(other, plain.ALGEBRA, [dy.T for dy in cotangents_of(case)]).results
    return {name: np.asarray(x, np.float64).T for name, x in found.items()}


def _turned(x: Any) -> Any:
    return x.T if is_number(x) else x


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
    return x.ndim == 2 and x.shape[0] == x.shape[1]


def _each(name: str, change: Callable[[Any], Any], case: Case) -> Arguments:
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


def _along(name: str, axis: int) -> Iterator[_Other]:
    """Of one axis: the rest of a tile, what lies beyond an extent, an end, and an order."""
    along = f"axis {axis} of {name}"

    def other(said: str, change: Callable[[Any], Any]) -> _Other:
        def changed(x: Any) -> Any:
            return x if x.ndim <= axis or not x.size else np.moveaxis(change(np.moveaxis(x, axis, 0).copy()), 0, axis)

        return _Other(said, f"what {said} would give", partial(_each, name, changed))

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
        yield other(f"{rest}, once there is one,", without(partial(_later_rest, tile)))
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


def _flat_rest(block: int, x: Any) -> Any:
    if x.size <= block:
        return x
    flat = x.reshape(-1).copy()
    flat[x.size // block * block :] = 0
    return flat.reshape(x.shape)


def _past(cut: int, n: int) -> slice:
    return slice(cut, None)


def _half(tile: int, n: int) -> slice:
    return slice(n // 2, None) if n % tile == 0 else slice(0, 0)


def _put(name: str, change: Callable[[Any], Any], case: Case) -> Arguments:
    return case.arguments | {name: change(case.arguments[name])}


def _fixed(value: Any, x: Any) -> Any:
    return value


def _of_columns(name: str) -> Iterator[_Other]:
    changes: dict[str, Callable[[list[Any]], list[Any]]] = {
        f"{name}[0] for every column": lambda every: every[:1] * len(every),
        f"{name} in reverse order": lambda every: every[::-1],
        f"{name} of the next column": lambda every: [*every[1:], every[0]],
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
        yield _Other(
            said,
            f"what {said} would give",
            partial(_put, name, change),
        )


def _none(x: Any) -> Any:
    return mapped(np.zeros_like, x)


def _orders(name: str, case: Case) -> Iterator[_Other]:
    """Memory read in another order of axes: of an image, of filters, or of rows that are the pixels of a window."""
    window = case.arguments.get("filter_shape")

    def split(x: Any) -> tuple[int, ...] | None:
        if x.ndim == 4:
            return tuple(x.shape)
        if window is not None and x.ndim == 2 and x.shape[0] % (window[0] * window[1]) == 0:
            return (*window, x.shape[0] // (window[0] * window[1]), x.shape[1])
        return None

    def read(order: tuple[int, ...], x: Any) -> Any:
        shape = split(x)
        if shape is None:
            return x
        return x.reshape([shape[i] for i in order]).transpose(np.argsort(order)).reshape(x.shape)

    def kept(order: tuple[int, ...], x: Any) -> Any:
        shape = split(x)
        return x if shape is None else x.reshape(shape).transpose(order).reshape(x.shape)

    shapes = [split(x) for x in leaves(case.arguments[name])]
    if not any(shapes):
        return
    pixels = all(np.ndim(x) == 2 for x in leaves(case.arguments[name]))
    axes = ("height", "width", "channels", "columns") if pixels else ("0", "1", "2", "3")
    for order in permutations(range(4)):
        if order != (0, 1, 2, 3) and (not pixels or order[3] == 3):
            words = f"({', '.join(axes[i] for i in order)})"
            said = f"{name}, by a reshape to axes {words} where a transpose is due,"
            yield _Other(said, f"what {said} would give", partial(_each, name, partial(read, order)))
            said = f"{name} with its axes in the order {words}, read as if that were its own,"
            yield _Other(said, f"what {said} would give", partial(_each, name, partial(kept, order)))


def _indices(name: str, value: Any) -> Iterator[_Other]:
    """In ascending order; or in integers that are too short, whose negative numbers count from the end."""
    if not all(isinstance(x, np.ndarray) and x.dtype.kind == "i" for x in leaves(value)):
        return
    said = f"{name} in ascending order"
    yield _Other(said, f"what {said} would give", partial(_each, name, np.sort))
    for dtype in ("int8", "uint8", "int16"):
        said = f"{name} in {dtype}, in which numbers beyond {np.iinfo(dtype).max} overflow,"
        yield _Other(said, f"what {said} would give", partial(_narrowed, name, dtype))


def _narrowed(name: str, dtype: str, case: Case) -> Arguments:
    given = case.arguments
    length = int(np.prod(given["sizes"])) if "sizes" in given else next(iter(given.values())).shape[-1]
    return given | {name: mapped(lambda x: x.astype(dtype).astype(x.dtype) % length, given[name])}


def _together(case: Case, numbers: list[str]) -> Iterator[_Other]:
    """Changes of several arguments at once."""
    given = case.arguments
    kinds = (int, float)
    for kind in kinds:
        settings = [name for name, value in given.items() if type(value) is kind]
        for one, two in combinations(settings, 2):
            said = f"{one} and {two} exchanged"
            yield _Other(said, f"what {said} would give", partial(_exchanged, one, two))
    if "sizes" in given and "taps" in given:
        said = "the flat index with rows fastest"
        yield _Other(said, f"what {said} would give", partial(_put_all, {"sizes": _reversed, "taps": _reversed}))
    matrices = [name for name in numbers if isinstance(given[name], np.ndarray) and given[name].ndim == 2]
    for cut in CUTS[:5]:
        for pair in combinations(matrices, 2):
            said = f"{' and '.join(pair)} without what is past {cut} of axis 1"
            yield _Other(said, f"what {said} would give", partial(_put_all, dict.fromkeys(pair, partial(_narrow, cut))))
    for name in numbers:
        for block in BLOCKS:
            said = f"{name} without what is past the last full block of {block} of its entries"
            yield _Other(said, f"what {said} would give", partial(_each, name, partial(_flat_rest, block)))


def _exchanged(one: str, two: str, case: Case) -> Arguments:
    given = case.arguments
    return given | {one: given[two], two: given[one]}


def _put_all(changes: dict[str, Callable[[Any], Any]], case: Case) -> Arguments:
    return case.arguments | {name: change(case.arguments[name]) for name, change in changes.items()}


def _reversed(x: Any) -> Any:
    return x[::-1]


def _narrow(cut: int, x: Any) -> Any:
    y = x.copy()
    y[:, cut:] = 0
    return y


def _offsets(case: Case) -> Iterator[_Other]:
    """Of an array whose columns are cut by widths: cut in other places."""
    name = next(name for name, value in case.arguments.items() if isinstance(value, np.ndarray) and value.ndim == 2)
    others: dict[str, Callable[[Case], list[int]]] = {
        "as if all had the same width": lambda case: [
            i * (case.arguments[name].shape[1] // len(case.arguments["widths"]))
            for i in range(len(case.arguments["widths"]))
        ],
        "by the widths in ascending order": lambda case: [0, *np.cumsum(sorted(case.arguments["widths"]))[:-1]],
        "at each one's own width times its number": lambda case: [
            i * width for i, width in enumerate(case.arguments["widths"])
        ],
        "by the numbers of kept weights in place of widths": lambda case: [
            0,
            *np.cumsum([x.shape[-1] for x in case.arguments["alpha" if "alpha" in case.arguments else "U"]])[:-1],
        ],
    }
    for said, starts in others.items():
        words = f"{name} cut into columns {said}"
        yield _Other(words, f"what {words} would give", partial(_cut, name, starts))


def _cut(name: str, starts: Callable[[Case], list[int]], case: Case) -> Arguments:
    """What lies beyond the end is left open: the first columns that there are, or the last."""
    x, widths = case.arguments[name], case.arguments["widths"]
    parts = [x[:, min(int(a), x.shape[1] - m) :][:, :m] for a, m in zip(starts(case), widths, strict=True)]
    return case.arguments | {name: np.concatenate(parts, axis=1)}


def _settings(name: str, value: Any) -> Iterator[_Other]:
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
        yield _Other(
            words,
            f"what {words} would give",
            partial(_put, name, change),
        )
