"""Whether a mistake that can be computed has the results of a candidate, where it is wrong and where it is right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.faults.mistakes import Mistake
from pp_ref.oracle.operations.truth import Expected
from pp_ref.oracle.verdict.evidence import Evidence, apart, base, near, outside, size

__all__ = ["COINCIDENCE", "Match", "mistaken", "spread", "told"]

Real = NDArray[np.float64]
MOST_CASES = 12  # on which a mistake is tried, of those that failed, and of those that passed
COINCIDENCE = 32.0  # bits on which two results do not agree by chance
ENTRY = 16.0  # bits that an entry tells at most where nothing rounds


@dataclass(frozen=True)
class Match:
    """A mistake that explains a candidate's results.

    results     names of those that it explains
    besides     names of results that are wrong besides
    everywhere  whether it has the results of the cases that passed as well
    second      another mistake, which explains those
    """

    mistake: Mistake
    results: tuple[str, ...]
    besides: tuple[str, ...]
    everywhere: bool
    second: "Match | None" = None

    @property
    def whole(self) -> bool:
        """Whether it explains all that was seen."""
        if self.second is not None:
            return self.everywhere and self.second.everywhere
        return self.everywhere and not self.besides

    @property
    def sentence(self) -> str:
        said = self.mistake.sentence
        if self.mistake.of_results:
            said = f"{', '.join(self.results)} {'is' if len(self.results) == 1 else 'are'} {said}"
        if self.second is not None:
            return f"{said}, and {self.second.sentence}"
        return said + (f"; wrong besides: {', '.join(self.besides)}" if self.besides else "")


def mistaken(mistakes: Iterable[Mistake], failed: Sequence[Evidence], passed: Sequence[Evidence]) -> Match | None:
    """The first mistake that explains all that was seen.

    Else one that has a result wherever that is wrong, with another one, if there is any, that has the results that are
    wrong besides.
    """
    tried, beside = spread(failed), spread(passed)
    partly: Match | None = None
    others: list[Mistake] = []
    for mistake in mistakes:
        found = _match(mistake, tried, beside)
        if found is not None and found.whole:
            return found
        others.append(mistake)
        if found is not None and (partly is None or (found.everywhere and not partly.everywhere)):
            partly = found
    if partly is None or not partly.besides:
        return partly
    left = set(partly.besides)
    for mistake in others:
        found = _match(mistake, tried, beside, left)
        if found is not None and left <= set(found.results):
            return replace(partly, second=found)
    return partly


def spread(cases: Sequence[Evidence], most: int = MOST_CASES) -> list[Evidence]:
    """So many cases of all sizes, the smallest first: of one size alone, a tile is what an end is."""
    every = sorted(cases, key=size)
    places = np.unique(np.linspace(0, max(len(every) - 1, 0), min(most, len(every))).astype(int))
    return [every[i] for i in places]


def _match(
    mistake: Mistake, tried: Sequence[Evidence], passed: Sequence[Evidence], of: set[str] | None = None
) -> Match | None:
    """of: the names of results that are to be explained; None: all, and the first of each case at any rate."""
    bits, having, others = 0.0, set[str](), set[str]()
    for item in tried:
        bad = [(each, x) for each, x in (*item.misshapen, *item.wrong) if of is None or base(each.name) in of]
        results = mistake.results(item.case) if bad else {}
        for each, computed in bad:
            found = told(each, computed, results.get(each.name))
            if found is not None and not mistake.shows_in(each.name, results[each.name], item.case):
                found = None
            if found is None and of is not None:
                return None
            (others if found is None else having).add(base(each.name))
            bits += found or 0.0
        if bad and not having - others:
            return None
    explained = having - others
    if not explained:
        return None
    everywhere = all(_same(mistake, item, explained) for item in passed)
    if of is None and not mistake.of_results:  # what a function gives has to be all that it gives
        rest = {base(each.name) for item in tried for each in item.expected} - others
        everywhere = everywhere and all(_same(mistake, item, rest) for item in tried)
    if bits < (COINCIDENCE if everywhere else 2 * COINCIDENCE):  # the less it explains, the more may be chance
        return None
    return Match(mistake, tuple(sorted(explained)), tuple(sorted(others)), everywhere)


def _same(mistake: Mistake, item: Evidence, names: set[str]) -> bool:
    """Whether it has those results of a case, as far as both have them."""
    results = mistake.results(item.case)
    for each in item.expected:
        computed, other = item.seen.results.get(each.name), results.get(each.name)
        compared = base(each.name) in names and computed is not None and other is not None
        if compared and near(each, computed, other) is None:  # type: ignore[arg-type]
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
