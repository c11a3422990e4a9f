"""What the cases that fail have in common, and those that pass have not."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pp_ref.oracle.operations.case import Case
from pp_ref.oracle.operations.nested import is_number, leaves, named
from pp_ref.oracle.verdict.evidence import Evidence, axis_name

__all__ = ["common"]

TILES = (4, 8, 16, 32, 64, 128)
FEW = 3  # regimes that are named
SHARE = 1 / 4  # of the cases that pass: what more of them have tells little
SEVERAL = 3  # cases on either side that a trait has to tell apart


def common(failed: Sequence[Evidence], passed: Sequence[Evidence]) -> str:
    """In words, with the numbers of cases: what all that failed have, and none or few that passed; always a clause.

    Where the same could well be so by chance, it names the regimes of the cases, if they are few.
    """
    count = f"{len(failed)} of {len(failed) + len(passed)} cases"
    if not passed:
        return f"in every case: {count}" if len(failed) > 1 else "in the one case that was judged"
    wrong, right = ([set(_traits(each.case)) for each in part] for part in (failed, passed))
    shared = [trait for trait in _traits(failed[0].case) if all(trait in each for each in wrong)]
    having = {trait: sum(trait in each for each in right) for trait in shared}
    alone = [trait for trait in shared if not having[trait]] or _extreme(failed, passed)
    several = min(len(failed), len(passed)) >= SEVERAL
    if alone and several:
        return f"only where {' and '.join(alone[:2])}: {count}"
    told = [trait for trait in shared if "multiple" not in trait]
    trait = min(told, key=lambda trait: having[trait], default="")
    if trait and several and having[trait] <= SHARE * len(passed):
        return f"in {count}, in all of which {trait}, as in {having[trait]} of the others"
    regimes = list(dict.fromkeys(each.case.regime for each in failed))
    return f"in {count}: {', '.join(regimes)}" if len(regimes) <= FEW else f"in {count}"


def _traits(case: Case) -> list[str]:
    return list(dict.fromkeys(_every(case)))


def _every(case: Case) -> Iterator[str]:
    """From what a user would change first."""
    arguments = case.arguments
    if case.layout != "C":
        yield "arguments are not contiguous in memory"
    if case.layout == "F":
        yield "arguments are in Fortran order"
    for name, value in arguments.items():
        yield from _setting(name, value)
    yield from _windows(arguments)
    batch = [name for name in case.operation.batch if name in arguments]
    for name, value in arguments.items():
        if isinstance(value, list):
            yield from _columns(name, value)
        for leaf in leaves(value):
            if isinstance(leaf, np.ndarray):
                yield from _shape(name, leaf, name in batch)
                yield from _numbers(name, leaf)


def _setting(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield f"{name} is {value}"
    elif isinstance(value, int):
        yield from (f"{name} = {each}" for each in (0, 1) if value == each)
        if value > 0:
            yield f"{name} > 0"
        if value > 1:
            yield f"{name} > 1"
            yield f"{name} is {'odd' if value % 2 else 'even'}"
            yield f"{name} = {value}"
    elif isinstance(value, float | str):
        yield f"{name} = {value}"
        if isinstance(value, float):
            yield f"{name} is {'not ' if value else ''}0"
    elif isinstance(value, tuple) and len(value) == 2 and all(isinstance(each, int) for each in value):
        yield f"{name} is {'' if value[0] == value[1] else 'not '}square"


def _windows(arguments: dict[str, Any]) -> Iterator[str]:
    """Of filters and pools, against the image."""
    image = next((x for x in arguments.values() if isinstance(x, np.ndarray) and x.ndim == 4), None)
    stride, padding = arguments.get("stride"), arguments.get("padding", 0)
    sizes = arguments.get("filter_shape") or next(
        (arguments[name].shape[:2] for name in ("W", "u") if getattr(arguments.get(name), "ndim", 0) > 2), None
    )
    sizes = sizes or ((arguments["size"],) * 2 if "size" in arguments else None)
    if image is None or stride is None or sizes is None:
        return
    extents = [extent + 2 * padding for extent in image.shape[1:3]]
    if any(size > extent for size, extent in zip(sizes, image.shape[1:3], strict=True)):
        yield "the window is larger than the image"
    if max(sizes) > stride:
        yield "windows overlap"
    if max(sizes) < stride:
        yield "windows leave pixels out"
    if any((extent - size) % stride for size, extent in zip(sizes, extents, strict=True)):
        yield "the stride does not come out even"
    if arguments.get("ceil") and any(
        any(i - stride + size < extent < i + size for i in range(0, extent, stride))
        for size, extent in zip(sizes, extents, strict=True)
    ):
        yield "a window reaches over the edge"
    if sizes[0] != sizes[1]:
        yield "the window is not square"


def _columns(name: str, value: list[Any]) -> Iterator[str]:
    arrays = [leaf for leaf in leaves(value) if isinstance(leaf, np.ndarray)]
    yield f"{name} has {'one array' if len(arrays) == 1 else 'several arrays'}"
    if len(arrays) > 1:
        yield f"arrays of {name} are of {'one shape' if len({x.shape for x in arrays}) == 1 else 'different shapes'}"


def _shape(name: str, x: Any, batch: bool) -> Iterator[str]:
    for axis, length in enumerate(x.shape):
        along = "n" if batch and axis == 0 else _axis(name, x, axis)
        yield from (f"{along} = {each}" for each in (0, 1) if length == each)
        if length > 1:
            yield f"{along} > 1"
        if length:
            yield from (f"{along} is {'a' if length % t == 0 else 'no'} multiple of {t}" for t in TILES)
    if x.ndim > 1:
        yield f"{name} is {'' if x.shape[-1] == x.shape[-2] else 'not '}square"
    if x.ndim == 4:
        yield f"{name} has images that are {'' if x.shape[1] == x.shape[2] else 'not '}square"


def _axis(name: str, x: Any, axis: int) -> str:
    along = axis_name(x.ndim, axis)
    return (
        f"the number of {along} of {name}"
        if along in ("rows", "columns", "channels", "images")
        else (f"the {along} of {name}" if along in ("height", "width") else f"the length of {along} of {name}")
    )


def _numbers(name: str, x: Any) -> Iterator[str]:
    if not is_number(x) or not x.size:
        return
    if np.isinf(x).any():
        yield f"{name} has infinities"
    if (x == 0).any():
        yield f"{name} has zeros"
    if (x == np.rint(x)).all():
        yield f"{name} holds whole numbers"
    rows = np.sort(x.reshape(-1, x.shape[-1]) if x.ndim else x.reshape(1, 1), axis=1)
    if (rows[:, 1:] == rows[:, :-1]).any():
        yield f"{name} has equal numbers in a row"
    if x.ndim == 4 and x.size > len(np.unique(x)):
        yield f"{name} has equal pixels"


def _extreme(failed: Sequence[Evidence], passed: Sequence[Evidence]) -> list[str]:
    """Axes that are longer, and numbers that are larger or smaller, in every case that failed than in all others."""
    found = []
    wrong, right = ([_measures(each.case) for each in part] for part in (failed, passed))
    for trait in wrong[0]:
        here = [each[trait] for each in wrong if trait in each]
        there = [each[trait] for each in right if trait in each]
        if len(here) < len(wrong) or not there:
            continue
        if min(here) > max(there):
            found.append(f"{trait} is more than {_short(max(there))}")
        elif max(here) < min(there):
            found.append(f"{trait} is less than {_short(min(there))}")
    return found


def _measures(case: Case) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in case.arguments.items():
        arrays = [x for x in named(name, value).values() if isinstance(x, np.ndarray)]
        for x in arrays:
            for axis, length in enumerate(x.shape):
                along = "n" if axis == 0 and name in case.operation.batch else _axis(name, x, axis)
                found[along] = max(found.get(along, 0), length)
            if x.size and is_number(x):
                sizes = abs(x[np.isfinite(x)])
                largest = f"the largest |{name}|"
                found[largest] = max(found.get(largest, 0.0), float(np.max(sizes, initial=0.0)))
        elements = max((x.size for x in arrays), default=0)
        found[f"the number of entries of {name}"] = elements
    return found


def _short(number: float) -> str:
    return f"{int(number):,}" if float(number).is_integer() and number < 2**53 else f"{number:.3g}"
