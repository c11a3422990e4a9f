"""What is wrong with a candidate, in words: the known mistake that has the same results, or where the errors are."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle import rounded
from pp_ref.oracle.arithmetic import ARITHMETICS, Arithmetic
from pp_ref.oracle.cases import Case
from pp_ref.oracle.findings import Finding
from pp_ref.oracle.judge import shares
from pp_ref.oracle.libraries import library
from pp_ref.oracle.observation import Observation, observe
from pp_ref.oracle.operations import Operation
from pp_ref.oracle.truth import Expected, cotangents_of, evaluated

__all__ = ["UNKNOWN", "Evidence", "diagnose"]

Real = NDArray[np.float64]
UNKNOWN = "no known mistake: "  # how a diagnosis begins that only says where
MOST_CASES = 12  # that a known mistake is tried on


@dataclass(frozen=True)
class Evidence:
    """One judged case: what was due, what was seen, what was found."""

    case: Case
    expected: list[Expected]
    seen: Observation
    finding: Finding

    def wrong(self) -> list[tuple[Expected, Real]]:
        """The results outside their bounds, with what was computed."""
        bad = {tensor.name for tensor in self.finding.tensors if not tensor.ratio <= 1}
        return [(each, self.seen.results[each.name]) for each in self.expected if each.name in bad]


def diagnose(operation: Operation, evidence: Sequence[Evidence]) -> str | None:
    """One sentence or two on an operation that failed, from all of its cases; None if nothing failed.

    Tried in turn: state between calls; every known mistake of the operation (`pp_ref.oracle.faults`), which has to have
    the candidate's results on every failed case; a simple change of the right result; coarser arithmetic than was
    declared; the place of the errors.
    """
    failed = [each for each in evidence if each.wrong() and not each.case.wild]
    messages = _messages(evidence)
    if not failed:
        wild = [each for each in evidence if each.wrong()]
        if wild:
            tensor = wild[0].finding.worst
            messages.append(
                f"NaN or infinity in an argument does not come through to {tensor.name if tensor else 'y'}"
                f" ({', '.join(each.case.regime for each in wild[:3])})"
            )
        return "; ".join(messages) or None
    state = [message for message in messages if "second run" in message or "another call" in message]
    if state:
        return f"keeps state between calls: {'; '.join(state)}"
    # A mistake may divide 0 by 0 besides: what it does elsewhere tells more.
    numbers = [each for each in failed if not any(np.isnan(computed).any() for _, computed in each.wrong())] or failed
    said = _known(operation, numbers) or _simple(numbers) or _coarser(numbers) or _place(numbers)
    if len(numbers) < len(failed):
        regimes = sorted({each.case.regime for each in failed if each not in numbers})
        said += f", and there is NaN in the case of {', '.join(regimes[:3])}"
    return "; ".join([said, *messages])


def _messages(evidence: Sequence[Evidence]) -> list[str]:
    """What functions do besides numbers, each once, the most frequent first. After NaN nothing is linear."""
    counts: dict[str, int] = {}
    for each in evidence:
        spoilt = any(np.isnan(computed).any() for _, computed in each.wrong())
        for message in () if spoilt and not each.case.wild else each.finding.messages:
            counts[message] = counts.get(message, 0) + 1
    return sorted(counts, key=lambda message: -counts[message])[:3]


# Coarser arithmetic.


def _coarser(failed: Sequence[Evidence]) -> str | None:
    """An arithmetic with fewer bits, whose bounds hold everything, while most entries err by more than they should."""
    declared = failed[0].case.arithmetic
    entries = [
        shares(computed, each.exact, each.spread).ravel() > 1 for item in failed for each, computed in item.wrong()
    ]
    if np.concatenate(entries).mean() < 0.25:
        return None
    for arithmetic in (ARITHMETICS[name] for name in ("float32", "tf32", "float16", "bfloat16")):
        coarser = arithmetic.unit + arithmetic.operand > declared.unit + declared.operand
        if coarser and all(_holds(arithmetic, item) for item in failed):
            bits = 11 if arithmetic.name == "tf32" else arithmetic.bits
            return f"rounds to {bits} bits, as {arithmetic.name} does, where {declared.name} was declared"
    return None


def _holds(arithmetic: Arithmetic, item: Evidence) -> bool:
    with np.errstate(all="ignore"):
        bounds = dict(evaluated(item.case, rounded.algebra(arithmetic), cotangents_of(item.case)))
        return all(
            (shares(computed, each.exact, np.asarray(bounds[each.name].error, float) + each.radius) <= 1).all()
            for each, computed in item.wrong()
        )


# Known mistakes.


@cache
def _catalogue() -> dict[str, list[tuple[str, dict[str, Callable[..., Any]]]]]:
    """Documented function name -> (what a wrong function does, all functions with that one among them)."""
    from pp_ref.oracle import own  # what is wrong with pp_ref's own layers is of use only where something is wrong
    from pp_ref.oracle.faults import FAULTS

    found: dict[str, list[tuple[str, dict[str, Callable[..., Any]]]]] = {}
    for order in (0, 1):
        right = own.functions(order)
        for fault in FAULTS:
            for name, wrong in own.replaced(fault.operation, fault.wrong, order):
                found.setdefault(name, []).append((f"{name} {fault.sentence}", right | {name: wrong}))
    return found


def _known(operation: Operation, failed: Sequence[Evidence]) -> str | None:
    """The first mistake of the catalogue that has the candidate's results wherever it failed."""
    for name in operation.functions:
        for sentence, functions in _catalogue().get(name, []):
            if all(_same(each, functions) for each in failed[:MOST_CASES]):
                return sentence
    return None


def _same(item: Evidence, functions: dict[str, Callable[..., Any]]) -> bool:
    """Whether a wrong variant, run in the declared dtype, has the results that were seen, and not the right ones.

    Its own rounding errors are taken to be of the size of the right function's, beside its own numbers.
    """
    numpy = library("numpy")
    dtype = item.case.arithmetic.dtype
    case = item.case if dtype != "bfloat16" else _in_single(item.case)
    variant = observe(case, functions.get, numpy).results
    wrong = False
    for each, computed in (
        (each, item.seen.results[each.name]) for each in item.expected if each.name in item.seen.results
    ):
        other = variant.get(each.name)
        if other is None or other.shape != computed.shape:
            return False
        allowed = _allowed(each, other)
        if not (_apart(computed, other) <= allowed).all():
            return False
        wrong = wrong or bool((shares(other, each.exact, each.bound) > 1).any())
    return wrong


def _in_single(case: Case) -> Case:
    return Case(case.operation, case.regime, ARITHMETICS["float32"], case.seed, case.bug, case.effect, case.arguments)


def _apart(a: Real, b: Real) -> Real:
    """|a - b|, where equal infinities and NaN beside NaN are no difference."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, abs(a - b))


def _allowed(expected: Expected, other: Real) -> float:
    """Twice the largest bound of the tensor, scaled where the other numbers are larger."""
    size, others = (float(np.max(abs(x[np.isfinite(x)]), initial=0.0)) for x in (expected.exact, other))
    scale = max(1.0, others / size) if size else 1.0
    finite = expected.bound[np.isfinite(expected.bound)]
    return 2 * scale * float(np.max(finite, initial=0.0))


# Simple changes of the right result.


def _simple(failed: Sequence[Evidence]) -> str | None:
    """A change that explains the first wrong result of every failed case in the same words."""
    found: list[set[str]] = []
    for item in failed[:MOST_CASES]:
        each, computed = item.wrong()[0]
        base = each.name.partition("[")[0]
        found.append({f"{base} {said}" for said in _changes(item, each, computed)})
    common = set.intersection(*found)
    return min(common, key=len) if common else None


def _changes(item: Evidence, expected: Expected, computed: Real) -> Iterator[str]:
    exact = expected.exact

    def close(other: Real) -> bool:
        return bool((_apart(computed, other) <= _allowed(expected, other)).all())

    if np.isnan(computed).any():
        yield "has NaN where numbers are due"
        return
    if close(np.zeros_like(exact)):
        yield "is zero"
        return
    for factor, said in _factors(item, exact.shape):
        if close(factor * exact):
            yield f"is {said} the right value"
    with np.errstate(over="ignore"):
        half = exact.astype(np.float16).astype(float)
    # Where the right value lies between two halves, its own rounding decides.
    if exact.size > 1 and (_apart(computed, half) <= _allowed(expected, half)).mean() > 0.95 and not close(exact):
        yield "is rounded to half precision (float16)"
    if exact.ndim == 2 and exact.shape[0] == exact.shape[1] and close(exact.T):
        yield "is transposed"
    for axis in range(exact.ndim):
        if exact.shape[axis] < 2:
            continue
        along = _AXES.get(exact.ndim, {}).get(axis, f"axis {axis}")
        if close(np.flip(exact, axis)):
            yield f"is reversed along {along}"
        for shift in (1, -1):
            if close(np.roll(exact, shift, axis)):
                yield f"is shifted by one along {along}"
        swapped = _exchanged(expected, computed, axis)
        if swapped:
            yield f"has {swapped} of {along} exchanged"
    for other in item.expected:
        if other.name != expected.name and other.exact.shape == exact.shape:
            if close(other.exact):
                yield f"is what {other.name} should be"
            if close(exact + other.exact):
                yield f"has {other.name} added to it"


_AXES = {2: {0: "rows", 1: "columns"}, 4: {0: "images", 1: "height", 2: "width", 3: "channels"}}


def _factors(item: Evidence, shape: tuple[int, ...]) -> Iterator[tuple[float, str]]:
    yield -1.0, "minus"
    for value, said in ((2.0, "2"), (0.5, "half"), (4.0, "4"), (np.log(2), "log 2"), (1 / np.log(2), "1 / log 2")):
        yield value, said if said == "half" else f"{said} times"
    first = next((v for v in item.case.arguments.values() if isinstance(v, np.ndarray) and v.ndim >= 2), None)
    if first is None:
        return
    for size, name in (
        (first.shape[0], "n, the number of examples,"),
        (first.shape[-1], f"{first.shape[-1]}, the last axis,"),
    ):
        if size > 1:
            yield float(size), f"{name} times"
            yield 1.0 / size, f"1 / {name} times"
            yield size / (size - 1.0), "n / (n - 1) times"
            yield (size - 1.0) / size, "(n - 1) / n times"


def _exchanged(expected: Expected, computed: Real, axis: int) -> str | None:
    """ "2 and 3": two slices, each of which holds the other's numbers."""
    got, right = np.moveaxis(computed, axis, 0), np.moveaxis(expected.exact, axis, 0)
    allowed = _allowed(expected, expected.exact)
    off = [i for i in range(len(got)) if not (_apart(got[i], right[i]) <= allowed).all()]
    if len(off) == 2 and all((_apart(got[i], right[j]) <= allowed).all() for i, j in (off, off[::-1])):
        return f"{off[0]} and {off[1]}"
    return None


# Where.


def _place(failed: Sequence[Evidence]) -> str:
    """Which entries of the first wrong result, and by how much, where that result is largest."""
    item = max(failed, key=lambda item: item.wrong()[0][1].size)
    expected, computed = item.wrong()[0]
    bad = shares(computed, expected.exact, expected.bound) > 1
    where = _slices(bad)
    with np.errstate(all="ignore"):
        relative = np.where(bad, _apart(computed, expected.exact) / abs(expected.exact), 0)
    most = float(np.max(relative[np.isfinite(relative)], initial=0.0))
    count = f"{int(bad.sum())} of {bad.size} entries"
    others = [each.name for each, _ in item.wrong()[1:]]
    also = f", and so are {', '.join(others)}" if others else "; the rest is right"
    known = "" if "past the last full tile" in where else UNKNOWN
    return f"{known}{expected.name} is wrong in {count}{where}, by up to {most:.1g} of their value{also}"


def _slices(bad: NDArray[np.bool_]) -> str:
    """Words for the smallest range of one axis that holds every bad entry, if it is not all of it."""
    best: tuple[float, str] | None = None
    for axis in range(bad.ndim):
        along = _AXES.get(bad.ndim, {}).get(axis, f"axis {axis}")
        hit = np.flatnonzero(bad.any(axis=tuple(i for i in range(bad.ndim) if i != axis)))
        length = bad.shape[axis]
        share = hit.size / length
        if hit.size == length or (best is not None and share >= best[0]):
            continue
        tail = hit[-1] == length - 1 and hit.size == length - hit[0]
        tile = next((t for t in (64, 32, 16, 8, 4) if tail and hit[0] and hit[0] % t == 0), None)
        if tile:
            said = f", all from {hit[0]} of {along} on: past the last full tile of {tile}"
        elif hit.size == 1:
            said = f", all at {hit[0]} of {along}"
        elif tail:
            said = f", all from {hit[0]} of {along} on"
        elif hit.size > 2 and hit[1] - hit[0] > 1 and len(set(np.diff(hit))) == 1:
            said = f", at every {hit[1] - hit[0]} of {along} from {hit[0]} on"
        else:
            said = f", between {hit[0]} and {hit[-1]} of {along}"
        best = (share, said)
    return best[1] if best else ""
