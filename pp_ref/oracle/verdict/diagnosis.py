"""What is wrong with a candidate, in words: the known mistake that has the same results, or where the errors are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.algebras import rounded
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS, Arithmetic
from pp_ref.oracle.candidates.behaviour import Observation
from pp_ref.oracle.faults.mistakes import Mistake, known, unheard_of
from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.nested import named
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.truth import Expected, cotangents_of, evaluated
from pp_ref.oracle.verdict.findings import Finding
from pp_ref.oracle.verdict.judge import shares

__all__ = ["UNKNOWN", "Evidence", "diagnose"]

Real = NDArray[np.float64]
UNKNOWN = "no known mistake: "  # how a diagnosis begins that only says where
MOST_CASES = 12  # that a known mistake is tried on
COINCIDENCE = 32.0  # bits on which two results do not agree by chance
UNFILLED = 2.0**-14  # shares of a bound that half of all roundings exceed, if only one of some hundred terms is rounded


@dataclass(frozen=True)
class Evidence:
    """One judged case: what was due, what was seen, what was found."""

    case: Case
    expected: list[Expected]
    seen: Observation
    finding: Finding

    def wrong(self) -> list[tuple[Expected, Real]]:
        """The results outside their bounds, with what was computed, in the run that is off most."""
        bad = {tensor.name for tensor in self.finding.tensors if not tensor.ratio <= 1}
        return [(each, max(self.seen.runs(each.name), key=_off(each))) for each in self.expected if each.name in bad]


def _off(expected: Expected) -> Callable[[Real], float]:
    """The largest share of a bound."""
    return lambda computed: float(np.max(shares(computed, expected.exact, expected.bound), initial=0.0))


def diagnose(operation: Operation, evidence: Sequence[Evidence]) -> str | None:
    """One sentence or two on an operation that failed, from all of its cases; None if nothing failed.

    Tried in turn: state between calls; every known mistake of the operation, which has to have the candidate's results
    on every failed case; a simple change of the right result; every mistake by rule and every small change of a right
    function (`pp_ref.oracle.faults.mistakes`); the same for the first wrong result alone; coarser arithmetic than was
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
    memory = [message for message in messages if _of_memory(message)]
    if memory:
        return "; ".join(memory) + _only_strided(evidence, failed)
    state = [message for message in messages if "other bits" in message or "another call" in message]
    if state:
        return f"keeps state between calls: {'; '.join(state)}"
    # A mistake may divide 0 by 0 besides: what it does elsewhere tells more.
    spoilt = [each for each in failed if any(np.isnan(computed).any() for _, computed in each.wrong())]
    numbers = [each for each in failed if each not in spoilt] or failed
    # Mistakes are tried on small cases, which tell as much in less time.
    small = [each for each in numbers if not each.case.large]
    if small:
        said = _explained(operation, small) or _coarser(small) or _place(small)
    else:
        said = (_simple(numbers) or _place(numbers)) + _beyond(numbers, evidence)
    if len(numbers) < len(failed):
        regimes = sorted({each.case.regime for each in spoilt})
        said += f", and there is NaN in the case of {', '.join(regimes[:3])}"
    return "; ".join([said, *messages]) + _only_strided(evidence, failed)


def _of_memory(message: str) -> bool:
    """Whether it tells of numbers that are nobody's: no mistake explains what is computed from them."""
    return "never written" in message or "memory beside" in message


def _only_strided(evidence: Sequence[Evidence], failed: Sequence[Evidence]) -> str:
    others = any(each.case.layout == "C" for each in evidence)
    strided = all(each.case.layout != "C" for each in failed)
    return "; only where arguments are not contiguous in memory" if others and strided else ""


def _explained(operation: Operation, failed: Sequence[Evidence]) -> str | None:
    whole, partly = _mistaken(known(operation), failed)
    if whole is None:
        whole = _simple(failed)
    if whole is None:
        whole, part = _mistaken(unheard_of(operation), failed)
        partly = partly or part
    return whole or partly


def _messages(evidence: Sequence[Evidence]) -> list[str]:
    """What functions do besides numbers, each once, the most frequent first. After NaN nothing is linear."""
    counts: dict[str, int] = {}
    for each in evidence:
        spoilt = any(np.isnan(computed).any() for _, computed in each.wrong())
        for message in each.finding.messages:
            if spoilt and not each.case.wild and not _of_memory(message):
                continue
            if message.startswith("called with "):  # shapes of this case alone
                continue
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
        # What comes in is rounded as well, which an arithmetic that is declared need not do.
        if coarser and _explains(replace(arithmetic, operand=max(arithmetic.operand, arithmetic.unit)), failed):
            bits = 11 if arithmetic.name == "tf32" else arithmetic.bits
            return f"rounds to {bits} bits, as {arithmetic.name} does, where {declared.name} was declared"
    return None


def _explains(arithmetic: Arithmetic, failed: Sequence[Evidence]) -> bool:
    """Whether everything is within the bounds of an arithmetic, and that tells something: a bound as large as its value
    holds many a mistake, and errors that are far smaller than their bounds have another reason."""
    bits, filled = 0.0, []
    for item in failed:
        with np.errstate(all="ignore"):
            bounds = evaluated(item.case, rounded.algebra(arithmetic), cotangents_of(item.case)).results
        for each, computed in item.wrong():
            bound = np.asarray(bounds[each.name].error, float) + each.radius
            share = shares(computed, each.exact, bound)
            if not (share <= 1).all():
                return False
            wrong = shares(computed, each.exact, each.bound) > 1
            filled.append(share[wrong])
            with np.errstate(all="ignore"):
                bits += float(np.log2(np.fmax(abs(each.exact) / bound, 1.0))[wrong].sum())
    return bits > COINCIDENCE and bool(np.median(np.concatenate(filled)) > UNFILLED)


# Mistakes that can be computed.


def _mistaken(mistakes: Iterable[Mistake], failed: Sequence[Evidence]) -> tuple[str | None, str | None]:
    """The first mistake that has all of the candidate's results wherever it failed, and the first that has the first
    wrong one of each case, then with what is wrong besides."""
    tried = sorted(failed, key=_size)[:MOST_CASES]
    partly = None
    for mistake in mistakes:
        bits, whole, besides = 0.0, True, set[str]()
        for item in tried:
            wrong = [_base(each.name) for each, _ in item.wrong()]
            same, found = _same(item, mistake.results(item.case))
            others = {_base(name) for name, fits in same.items() if not fits}
            bits, whole, besides = bits + found, whole and not others, besides | (others & set(wrong))
            if wrong[0] in others or (partly and not whole):
                break
        else:
            if bits > COINCIDENCE and whole:
                return mistake.sentence, partly
            if bits > COINCIDENCE:
                partly = mistake.sentence + (f"; wrong besides: {', '.join(sorted(besides))}" if besides else "")
    return None, partly


def _same(item: Evidence, other: dict[str, Real]) -> tuple[dict[str, bool], float]:
    """Of every result, whether it is what a mistake gives, and how many bits of the wrong ones that explains.

    A mistake's own rounding errors are taken to be of the size of the right function's, beside its own numbers.
    """
    same, bits = {}, 0.0
    for each, computed in ((each, item.seen.results.get(each.name)) for each in item.expected):
        if computed is None:
            continue
        mistaken = other.get(each.name)
        if mistaken is None or mistaken.shape != computed.shape:
            same[each.name] = False
            continue
        apart = _apart(computed, mistaken)
        allowed = _allowed_each(each, mistaken)
        if not (apart <= allowed).all():
            allowed = np.full(apart.shape, _allowed(each, mistaken))
        same[each.name] = bool((apart <= allowed).all())
        if same[each.name] and mistaken.shape == each.exact.shape:
            with np.errstate(all="ignore"):
                told = np.log2(_apart(mistaken, each.exact) / np.fmax(allowed, np.finfo(float).tiny))
            bits += float(np.clip(np.nan_to_num(told), 0, 53).sum())
    return same, bits


def _base(name: str) -> str:
    return name.partition("[")[0]


def _size(item: Evidence) -> int:
    return sum(each.exact.size for each in item.expected)


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


def _allowed_each(expected: Expected, other: Real) -> Real:
    """The same entry by entry, which tells more; but another formula may cancel where the right one does not."""
    if other.shape != expected.exact.shape:
        return np.zeros(other.shape)
    with np.errstate(all="ignore"):
        scale = np.nan_to_num(abs(other / expected.exact), nan=1.0, posinf=1.0)
    return np.where(np.isfinite(expected.bound), 2 * np.fmax(scale, 1.0) * expected.bound, 0.0)


# Simple changes of the right result.


def _simple(failed: Sequence[Evidence]) -> str | None:
    """A change that explains the first wrong result of every failed case in the same words."""
    found: list[set[str]] = []
    for item in failed[:MOST_CASES]:
        each, computed = item.wrong()[0]
        found.append({f"{_base(each.name)} {said}" for said in _changes(item, each, computed)})
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
    also = f", and so are {', '.join(others)}" if others else "; the rest is within its bounds"
    known = "" if "past the last full tile" in where else UNKNOWN
    return f"{known}{expected.name} is wrong in {count}{where}, by up to {most:.1g} of their value{also}"


def _beyond(failed: Sequence[Evidence], evidence: Sequence[Evidence]) -> str:
    """The first axis that is longer in every case that failed than in all that did not."""

    def extents(item: Evidence) -> dict[tuple[str, int], int]:
        arrays = [pair for name, value in item.case.arguments.items() for pair in named(name, value).items()]
        return {(name, axis): length for name, x in arrays for axis, length in enumerate(np.shape(x))}

    right = [extents(each) for each in evidence if each not in failed and not each.case.wild]
    wrong = [extents(each) for each in failed]
    for name, axis in wrong[0]:
        most = max((each[name, axis] for each in right if (name, axis) in each), default=0)
        if all(each.get((name, axis), 0) > most for each in wrong):
            return f"; only where axis {axis} of {name} is longer than {most}"
    return ""


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
