"""Whether a mistake that can be computed has the results of a candidate, wherever this is wrong and wherever it is right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.faults.mistakes import Mistake
from pp_ref.oracle.operations.truth import Expected
from pp_ref.oracle.verdict.evidence import Evidence, apart, base, near, outside, size

__all__ = ["COINCIDENCE", "Match", "mistaken", "told"]

Real = NDArray[np.float64]
MOST_CASES = 12  # on which a mistake is tried, of those that failed, and of those that passed
COINCIDENCE = 32.0  # bits on which two results do not agree by chance
ENTRY = 16.0  # bits that an entry tells at most where nothing rounds


@dataclass(frozen=True)
class Match:
    """A mistake that explains a candidate's results.

    besides   names of results that are wrong besides
    everywhere  whether it has the results of the cases that passed as well
    """

    mistake: Mistake
    results: tuple[str, ...]
    besides: tuple[str, ...]
    everywhere: bool

    @property
    def whole(self) -> bool:
        """Whether it explains all that was seen."""
        return self.everywhere and not self.besides

    @property
    def sentence(self) -> str:
        said = self.mistake.sentence
        if self.mistake.of_results:
            said = f"{', '.join(self.results)} {'is' if len(self.results) == 1 else 'are'} {said}"
        return said + (f"; wrong besides: {', '.join(self.besides)}" if self.besides else "")


def mistaken(mistakes: Iterable[Mistake], failed: Sequence[Evidence], passed: Sequence[Evidence]) -> Match | None:
    """The first mistake that explains all that was seen; else the first one that has the first wrong result of every
    case that failed."""
    tried = sorted(failed, key=size)[:MOST_CASES]
    partly: Match | None = None
    for mistake in mistakes:
        found = _match(mistake, tried, passed)
        if found is not None and found.whole:
            return found
        partly = partly or found
    return partly


def _match(mistake: Mistake, tried: Sequence[Evidence], passed: Sequence[Evidence]) -> Match | None:
    bits, having, others = 0.0, set[str](), set[str]()
    for item in tried:
        results = mistake.results(item.case)
        bad = [*item.misshapen, *item.wrong]
        for number, (each, computed) in enumerate(bad):
            found = told(each, computed, results.get(each.name))
            if found is None and number == 0:
                return None
            (others if found is None else having).add(base(each.name))
            bits += found or 0.0
    results_ = having - others
    if bits < COINCIDENCE or not results_:
        return None
    everywhere = all(_same(mistake, item, results_) for item in sorted(passed, key=size)[:MOST_CASES])
    right = {base(each.name) for item in tried for each in item.expected} - having - others
    if not mistake.of_results:  # what a function gives has to be all that it gives
        everywhere = everywhere and all(_same(mistake, item, right) for item in tried)
    return Match(mistake, tuple(sorted(results_)), tuple(sorted(others)), everywhere)


def _same(mistake: Mistake, item: Evidence, names: set[str]) -> bool:
    """Whether it has those results of a case, as far as both have them."""
    results = mistake.results(item.case)
    for each in item.expected:
        computed, other = item.seen.results.get(each.name), results.get(each.name)
        if base(each.name) in names and computed is not None and other is not None:
            if near(each, computed, other) is None:
                return False
    return bool(results)


def told(expected: Expected, computed: Real, other: Real | None) -> float | None:
    """How many bits other numbers tell of the computed ones that are wrong; None if they are not these.

    An infinity or NaN is evidence of one bit.
    """
    if other is None or (room := near(expected, computed, other)) is None:
        return None
    if computed.shape != expected.exact.shape:
        return float(np.log2(1 + np.unique(computed).size) * computed.size) if computed.size else 1.0
    wrong = outside(expected, computed)
    with np.errstate(all="ignore"):
        bits = np.log2(apart(other, expected.exact) / np.fmax(room, np.finfo(float).tiny))
    bits = np.where(np.isfinite(computed), np.clip(np.nan_to_num(bits), 0, np.where(room > 0, 53, ENTRY)), 1.0)
    return float(bits[wrong].sum())
