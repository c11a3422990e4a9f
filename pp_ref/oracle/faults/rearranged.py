"""Mistakes in where a function reads: in another order of axes, other columns, other indices."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import plain
from pp_ref.oracle.faults.arguments import CUTS, Arguments, Other, each_array, mistake
from pp_ref.oracle.faults.mistakes import Mistake
from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.nested import is_number, leaves, mapped
from pp_ref.oracle.operations.truth import cotangents_of, evaluated

__all__ = ["rearranged"]

Real = NDArray[np.float64]
BLOCKS = (64, 128, 256, 512, 1024)  # of entries in a row, whose rest is not read


def rearranged(case: Case) -> Iterator[Mistake]:
    """Every such mistake of an operation, of which this is a case."""
    for other in _others(case):
        yield mistake(case, other)
    yield from _other_axis(case)


def _others(case: Case) -> Iterator[Other]:
    for name, value in case.arguments.items():
        yield from _indices(name, value)
        if is_number(value):
            yield from _orders(name, case)
    yield from _together(case, [name for name, value in case.arguments.items() if is_number(value)])
    if "widths" in case.arguments:
        yield from _offsets(case)


def _other_axis(case: Case) -> Iterator[Mistake]:
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
    other = replace(case, arguments=_put_all(dict.fromkeys(case.arguments, _turned), case))
    found = evaluated(other, plain.ALGEBRA, [dy.T for dy in cotangents_of(case)]).results
    return {name: np.asarray(x, np.float64).T for name, x in found.items()}


def _turned(x: Any) -> Any:
    return x.T if is_number(x) else x


def _orders(name: str, case: Case) -> Iterator[Other]:
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
            yield Other(said, f"what {said} would give", partial(each_array, name, partial(read, order)))
            said = f"{name} with its axes in the order {words}, read as if that were its own,"
            yield Other(said, f"what {said} would give", partial(each_array, name, partial(kept, order)))


def _indices(name: str, value: Any) -> Iterator[Other]:
    """In ascending order; or in integers that are too short, whose negative numbers count from the end."""
    if not all(isinstance(x, np.ndarray) and x.dtype.kind == "i" for x in leaves(value)):
        return
    said = f"{name} in ascending order"
    yield Other(said, f"what {said} would give", partial(each_array, name, np.sort))
    for dtype in ("int8", "uint8", "int16"):
        said = f"{name} in {dtype}, in which numbers beyond {np.iinfo(dtype).max} overflow,"
        yield Other(said, f"what {said} would give", partial(_narrowed, name, dtype))


def _narrowed(name: str, dtype: str, case: Case) -> Arguments:
    given = case.arguments
    length = int(np.prod(given["sizes"])) if "sizes" in given else next(iter(given.values())).shape[-1]
    return given | {name: mapped(lambda x: x.astype(dtype).astype(x.dtype) % length, given[name])}


def _together(case: Case, numbers: list[str]) -> Iterator[Other]:
    """Changes of several arguments at once."""
    given = case.arguments
    kinds = (int, float)
    for kind in kinds:
        settings = [name for name, value in given.items() if type(value) is kind]
        for one, two in combinations(settings, 2):
            said = f"{one} and {two} exchanged"
            yield Other(said, f"what {said} would give", partial(_exchanged, one, two))
    if "sizes" in given and "taps" in given:
        said = "the flat index with rows fastest"
        yield Other(said, f"what {said} would give", partial(_put_all, {"sizes": _reversed, "taps": _reversed}))
    matrices = [name for name in numbers if isinstance(given[name], np.ndarray) and given[name].ndim == 2]
    for cut in CUTS[:5]:
        for pair in combinations(matrices, 2):
            said = f"{' and '.join(pair)} without what is past {cut} of axis 1"
            yield Other(said, f"what {said} would give", partial(_put_all, dict.fromkeys(pair, partial(_narrow, cut))))
    for name in numbers:
        for block in BLOCKS:
            said = f"{name} without what is past the last full block of {block} of its entries"
            yield Other(said, f"what {said} would give", partial(each_array, name, partial(_flat_rest, block)))


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


def _offsets(case: Case) -> Iterator[Other]:
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
        yield Other(words, f"what {words} would give", partial(_cut, name, starts))


def _cut(name: str, starts: Callable[[Case], list[int]], case: Case) -> Arguments:
    """What lies beyond the end is left open: the first columns that there are, or the last."""
    x, widths = case.arguments[name], case.arguments["widths"]
    parts = [x[:, min(int(a), x.shape[1] - m) :][:, :m] for a, m in zip(starts(case), widths, strict=True)]
    return case.arguments | {name: np.concatenate(parts, axis=1)}


def _flat_rest(block: int, x: Any) -> Any:
    if x.size <= block:
        return x
    flat = x.reshape(-1).copy()
    flat[x.size // block * block :] = 0
    return flat.reshape(x.shape)
