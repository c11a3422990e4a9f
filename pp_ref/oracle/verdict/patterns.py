"""Changes of the right results that explain a candidate's: constants, factors, offsets, and orders."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.operations.truth import Expected
from pp_ref.oracle.verdict.evidence import Evidence, allowed, apart, axis_name, base, outside
from pp_ref.oracle.verdict.matching import COINCIDENCE, told

__all__ = ["scaled", "simple"]

Real = NDArray[np.float64]
MOST_CASES = 12
Said = tuple[str, str]  # identifier, sentence
Fit = Callable[[Evidence, Expected, Real], tuple[float, float, int] | None]


def simple(failed: Sequence[Evidence]) -> Said | None:
    """A change that explains the first wrong result of every failed case in the same words."""
    found: list[dict[Said, float]] = []
    name = max((item.name for item in failed[:MOST_CASES]), key=len)
    results = [(item, each, computed) for item in failed[:MOST_CASES] for each, computed in item.first]
    if all(np.isnan(computed).any() for *_, computed in results):
        every = all(np.isnan(computed).all() and computed.size > 1 for *_, computed in results)
        return "NaN", f"{name} has NaN where numbers are due{', in every entry' if every else ''}"
    for item, each, computed in results:
        if np.isnan(computed).any():
            return None
        others = [*_changes(item, each), *_exchanged(each, computed)]
        changes = ((said, told(each, computed, other)) for said, other in others)
        found.append({said: bits for said, bits in changes if bits is not None and bits})
    shared = [said for said in found[0] if all(said in each for each in found)]
    enough = [said for said in shared if sum(each[said] for each in found) >= COINCIDENCE]
    if not enough:
        return None
    key, words = min(enough, key=lambda said: len(said[1]))
    return key, f"{name} {words}"


def _changes(item: Evidence, expected: Expected) -> Iterator[tuple[Said, Real]]:
    """Identifier and words, and the numbers that a result has then."""
    exact = expected.exact
    yield ("zero", "is zero"), np.zeros_like(exact)
    for (key, said), factor in _factors(item).items():
        yield (key, f"is {said} the right value"), factor * exact
    with np.errstate(over="ignore"):
        for key, words in {"float16": "half precision (float16)", "float32": "single precision (float32)"}.items():
            rounded = exact.astype(key).astype(float)
            yield (f"rounded to {key}", f"is rounded to {words}"), rounded
    with np.errstate(all="ignore"):
        yield ("absolute", "is the absolute value of the right one"), abs(exact)
        yield ("square", "is the square of the right value"), exact * exact
        yield ("root", "is the square root of the right value"), np.sqrt(exact)
        yield ("inverse", "is 1 over the right value"), 1 / exact
        yield ("exponential", "is the exponential of the right value"), np.exp(exact)
        yield ("logarithm", "is the logarithm of the right value"), np.log(exact)
    yield ("not negative", "is the right value, and 0 where that is negative"), np.maximum(exact, 0)
    yield from _orders(exact)
    for axis in range(exact.ndim):
        if exact.shape[axis] < 2:
            continue
        along = axis_name(exact.ndim, axis)
        yield (f"reversed/{axis}", f"is reversed along {along}"), np.flip(exact, axis)
        for shift, words in {1: "by one", -1: "back by one"}.items():
            yield (f"shifted/{axis}", f"is shifted {words} along {along}"), np.roll(exact, shift, axis)
        yield (
            (f"first/{axis}", f"has the first of {along} in all of them"),
            np.broadcast_to(np.take(exact, [0], axis), exact.shape),
        )
        total = exact.sum(axis=axis, keepdims=True)
        yield (f"sum/{axis}", f"has the sum over {along} in all of them"), np.broadcast_to(total, exact.shape)
        yield (f"cumulative/{axis}", f"is summed up along {along}"), np.cumsum(exact, axis)
        mean = exact.mean(axis=axis, keepdims=True)
        yield (f"mean/{axis}", f"has the mean over {along} in all of them"), np.broadcast_to(mean, exact.shape)
        yield (f"centred/{axis}", f"is without its mean over {along}"), exact - mean
    yield from _blocks(item, exact)
    for other in item.expected:
        if other.name != expected.name and other.exact.shape == exact.shape:
            yield (f"other/{other.name}", f"is what {other.name} should be"), other.exact
            yield (f"added/{other.name}", f"has {other.name} added to it"), exact + other.exact
            yield (f"taken off/{other.name}", f"has {other.name} taken off it"), exact - other.exact
    for name, value in item.case.arguments.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            if value.shape == exact.shape:
                yield (f"argument/{name}", f"is {name} itself"), value
                yield (f"argument added/{name}", f"has {name} added to it"), exact + value
                yield (f"argument taken off/{name}", f"lacks {name}, or has it taken off"), exact - value
            elif exact.ndim > 1 and value.shape == exact.shape[-1:]:
                yield (f"bias missing/{name}", f"lacks {name}"), exact - value
                yield (f"bias twice/{name}", f"has {name} twice"), exact + value
                yield (f"bias negative/{name}", f"has {name} taken off where it is added"), exact - 2 * value


def _blocks(item: Evidence, exact: Real) -> Iterator[tuple[Said, Real]]:
    """Axes that hold the columns' parts, one behind the other, or the pixels of a grid."""
    sizes = item.case.arguments.get("sizes")
    widths = [
        [x.shape[-1] for x in value]
        for value in item.case.arguments.values()
        if isinstance(value, list) and len(value) > 1 and all(isinstance(x, np.ndarray) for x in value)
    ]
    for axis, length in enumerate(exact.shape):
        along = axis_name(exact.ndim, axis)
        if sizes is not None and length == sizes[0] * sizes[1]:
            order = np.arange(length).reshape(sizes).T.reshape(-1)
            said = ("pixels", f"has the grid's pixels of {along} column by column, where rows come first")
            yield said, np.take(exact, order, axis)
        for each in widths:
            if sum(each) == length and max(each) > 0:
                starts = np.cumsum([0, *each[:-1]])
                order = np.concatenate([np.arange(a, a + m) for a, m in zip(starts[::-1], each[::-1], strict=True)])
                said = ("parts reversed", f"has the columns' parts of {along} in reverse order")
                yield said, np.take(exact, order, axis)


def _exchanged(expected: Expected, computed: Real) -> Iterator[tuple[Said, Real]]:
    """Two slices, each of which holds the other's numbers."""
    exact, bad = expected.exact, outside(expected, computed)
    for axis in range(exact.ndim):
        off = np.flatnonzero(bad.any(axis=tuple(i for i in range(exact.ndim) if i != axis)))
        if len(off) == 2:
            order = np.arange(exact.shape[axis])
            order[off] = off[::-1]
            along = axis_name(exact.ndim, axis)
            yield ("exchanged", f"has {off[0]} and {off[1]} of {along} exchanged"), np.take(exact, order, axis)


def _orders(exact: Real) -> Iterator[tuple[Said, Real]]:
    """The right numbers in other places: axes in another order, and in their memory."""
    names = {2: ("rows", "columns"), 4: ("the first", "the second", "the third", "the fourth")}
    words = names.get(exact.ndim, tuple(f"axis {i}" for i in range(exact.ndim)))
    for order in permutations(range(exact.ndim)):
        if order == tuple(range(exact.ndim)) or exact.ndim < 2:
            continue
        other = exact.transpose(order)
        if other.shape == exact.shape:
            said = "is transposed" if exact.ndim == 2 else f"has its axes in the order {_places(order)}"
            yield ("transposed", said), other
        elif exact.size < 2**16:
            read = ", ".join(words[i] for i in order) if exact.ndim == 2 else _places(order)
            yield (
                ("axes", f"has the right numbers in the order of axes {read}, read as if that were its shape"),
                other.reshape(exact.shape),
            )
    if exact.ndim > 1 and exact.size < 2**16:
        yield (
            ("Fortran memory", "has the right numbers in Fortran order, read in C order"),
            exact.ravel(order="F").reshape(exact.shape),
        )
        yield (
            ("C memory", "has the right numbers in C order, read in Fortran order"),
            exact.ravel().reshape(exact.shape, order="F"),
        )


def _places(order: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, order)) + ")"


# Factors.


def _factors(item: Evidence) -> dict[Said, float]:
    fixed = {
        ("minus", "minus"): -1.0,
        ("factor/2", "2 times"): 2.0,
        ("factor/half", "half"): 0.5,
        ("factor/4", "4 times"): 4.0,
        ("factor/log 2", "log 2 times"): float(np.log(2)),
        ("factor/1 over log 2", "1 / log 2 times"): float(1 / np.log(2)),
    }
    return fixed | {(f"factor/{said}", f"{said} times"): factor for said, factor in _sizes(item)}


def _sizes(item: Evidence) -> Iterator[tuple[str, float]]:
    """Factors of extents and settings."""
    case = item.case
    for name, value in case.arguments.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 and value != 1:
            for said, factor in {name: value, f"1 / {name}": 1 / value}.items():
                yield said, float(factor)
            yield f"{name}^2", float(value) ** 2
            yield f"1 / {name}^2", float(value) ** -2.0
        if isinstance(value, list) and len(value) > 1:
            yield f"the number of {name}", float(len(value))
            yield f"1 / the number of {name}", 1 / len(value)
        x = value if isinstance(value, np.ndarray) else None
        for axis, length in enumerate(x.shape if x is not None and x.dtype.kind == "f" else ()):
            n = axis == 0 and name in case.operation.batch
            along = "n, the number of examples," if n else f"the length of axis {axis} of {name}"
            short = "n" if n else along
            if length > 1:
                yield along, float(length)
                yield f"1 / {along}", 1.0 / length
                yield f"{short} / ({short} - 1)", length / (length - 1.0)
                yield f"({short} - 1) / {short}", (length - 1.0) / length
                yield f"the root of {short}", float(np.sqrt(length))
                yield f"1 / the root of {short}", float(1 / np.sqrt(length))
        if x is not None and x.dtype.kind == "f" and x.size > 1:
            yield f"the number of entries of {name}", float(x.size)
            yield f"1 / the number of entries of {name}", 1.0 / x.size


def scaled(failed: Sequence[Evidence]) -> Said | None:
    """A factor, an offset, or a multiple of an argument that is added, the same in every entry of every failed case; a
    factor or an offset of each row or column."""
    items = [(item, *result) for item in failed[:MOST_CASES] for result in item.first]
    names = {base(each.name) for _, each, _ in items}
    if len(names) > 1 or any(not np.isfinite(computed).all() for *_, computed in items):
        return None
    name = max((item.name for item in failed[:MOST_CASES]), key=len)
    fits: list[tuple[str, Fit, str]] = [
        ("factor", _ratio, "{} times the right value"),
        ("offset", _offset, "the right value plus {}"),
        *(
            (
                f"plus a number of {argument}",
                partial(_counted, argument),
                f"the right value plus {{}} times the number of entries of {argument}",
            )
            for argument, value in items[0][0].case.arguments.items()
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim
        ),
        *(
            (f"plus {argument}", partial(_multiple, argument), f"the right value plus {{}} times {argument}")
            for argument, value in items[0][0].case.arguments.items()
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim
        ),
    ]
    for key, fit, words in fits:
        found = [fit(item, each, computed) for item, each, computed in items]
        known = [each for each in found if each is not None]
        if len(known) < len(found) or sum(1 for *_, n in known if n > 1) == 0:
            continue
        low, high = max(low for low, _, _ in known), min(high for _, high, _ in known)
        entries = sum(n for *_, n in known)
        nothing = 1 if fit is _ratio else 0  # a factor, or what is added, that leaves all as it is
        if low <= high and entries > 3 and float(_digits(low, high)) != nothing:
            small = (
                ", as of a constant or a function that is inaccurate" if key == "factor" and abs(low - 1) < 0.01 else ""
            )
            return key, f"{name} is {words.format(_digits(low, high))}, in every entry{small}"
        several = [each for each in known if each[2] > 1]
        if fit is _ratio and sum(n for *_, n in several) > 3 * len(several):
            low, high = min(low for low, *_ in several), max(high for _, high, _ in several)
            return "factor of each case", (
                f"{name} is the right value times a number that is the same in every entry of a case, "
                f"from {low:.3g} to {high:.3g}"
            )
    return _of_slices(name, items)


def _digits(low: float, high: float) -> str:
    """As many as the two ends share, and at least three."""
    middle, width = (low + high) / 2, abs(high - low)
    for digits in range(3, 17):
        text = f"{middle:.{digits}g}"
        if abs(float(text) - middle) <= width:
            return text
    return f"{middle:.16g}"


def _room(item: Evidence, expected: Expected, computed: Real) -> Real:
    """How far an entry may be off, at least by its own rounding."""
    size = np.where(np.isfinite(computed), abs(computed), 0.0)
    room: Real = np.fmax(allowed(expected, expected.exact) / 2, 2 * item.case.arithmetic.unit * size)
    return room


def _multiple(name: str, item: Evidence, expected: Expected, computed: Real) -> tuple[float, float, int] | None:
    """The interval of what an argument is multiplied by before it is added."""
    x = item.case.arguments[name]
    if x.shape != expected.exact.shape[expected.exact.ndim - x.ndim :]:
        return None
    x, off, room = np.broadcast_to(x, expected.exact.shape), computed - expected.exact, _room(item, expected, computed)
    there = (x != 0) & np.isfinite(room)
    if there.sum() < 1 or not (abs(off) <= room)[(x == 0) & np.isfinite(room)].all():
        return None
    middle, width = off[there] / x[there], room[there] / abs(x[there])
    low, high = float(np.max(middle - width)), float(np.min(middle + width))
    return (low, high, int(outside(expected, computed).sum())) if low <= high else None


def _ratio(item: Evidence, expected: Expected, computed: Real) -> tuple[float, float, int] | None:
    """The interval of factors that every entry allows, and in how many entries it is not 1."""
    exact, room = expected.exact, _room(item, expected, computed)
    there = (exact != 0) & np.isfinite(room)
    if not there.any() or not (apart(computed, exact) <= room)[~there].all():
        return None
    with np.errstate(all="ignore"):
        middle, width = (computed / exact)[there], (room / abs(exact))[there]
    width = width * np.fmax(abs(middle), 1)
    low, high = float(np.max(middle - width)), float(np.min(middle + width))
    return (low, high, int(outside(expected, computed).sum())) if low <= high else None


def _offset(item: Evidence, expected: Expected, computed: Real) -> tuple[float, float, int] | None:
    """The interval of what is added, likewise."""
    room = _room(item, expected, computed)
    there = np.isfinite(room)
    if not there.any():
        return None
    off = (computed - expected.exact)[there]
    room = room[there]
    low, high = float(np.max(off - room)), float(np.min(off + room))
    return (low, high, int(outside(expected, computed).sum())) if low <= high else None


def _counted(name: str, item: Evidence, expected: Expected, computed: Real) -> tuple[float, float, int] | None:
    """The interval of what is added for each entry of an argument."""
    x, found = item.case.arguments[name], _offset(item, expected, computed)
    if found is None or not isinstance(x, np.ndarray) or x.size == 0:
        return None
    low, high, entries = found
    return low / x.size, high / x.size, max(entries, 2)


def _of_slices(name: str, items: list[tuple[Evidence, Expected, Real]]) -> Said | None:
    """Of every row, say, a factor or an offset of its own."""
    ndim = items[0][1].exact.ndim
    for axis in range(ndim):
        for key, fit, words in (
            ("factor", _ratio, "is scaled by a factor"),
            ("offset", _offset, "is moved by a number"),
        ):
            shared = 0
            for item, each, computed in items:
                if each.exact.ndim != ndim:
                    return None
                parts = [_part(each, computed, axis, i) for i in range(each.exact.shape[axis])]
                found = [fit(item, *part) for part in parts if part[1].size]
                if any(one is None for one in found):
                    break
                off = [one[2] for one in found if one is not None and one[2]]
                if len(off) <= len(found) / 2:  # where they are tells more
                    break
                shared += sum(entries for entries in off if entries > 1)
            else:
                along = axis_name(ndim, axis)
                if shared > 8:
                    return f"{key}/{axis}", f"{name} has the right values, but each of its {along} {words} of its own"
    return None


def _part(expected: Expected, computed: Real, axis: int, i: int) -> tuple[Expected, Real]:
    def of(x: Real) -> Real:
        return np.asarray(np.take(x, i, axis))

    e = expected
    return Expected(e.name, of(e.exact), of(e.radius), of(e.bound), of(e.spread), e.kind), of(computed)
