"""Two records of one benchmark: which rows became slower, and which only look so.

A row is slower if both hold:

- Its rounds rank higher than chance explains: the one-sided exact test of Mann and Whitney (1947), at 5 % over all rows
  of the record together (Holm, 1979). Rounds are ranked, since one disturbed round says nothing of the others.
- Its median grew by more than a tenth. Two processes differ by several per cent through nothing but where things lie in
  memory (Mytkowicz et al., "Producing wrong data without doing anything obviously wrong!", 2009), which no test on the
  rounds of one process can know of.

Faster is the same, the other way round.
"""

import json
from collections.abc import Iterator, Sequence
from math import comb, inf
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from scipy.stats import mannwhitneyu

from pp_ref.bench.measuring import Record
from pp_ref.errors import DataError

__all__ = ["LEVEL", "MARGIN", "Comparison", "compare"]

LEVEL, MARGIN = 0.05, 1.1
SAID = ("rows", "plan", "way", "best", "behind")  # what a block says beside its shape
Key = tuple[tuple[str, Any], ...]


class Change(NamedTuple):
    shape: str
    name: str
    old: float  # median seconds
    new: float

    def __str__(self) -> str:
        ratio = max(self.new / self.old, self.old / self.new)
        way = "slower" if self.new > self.old else "faster"
        return f"{self.shape}: {self.name}: {ratio:.2f} times {way}, {1e3 * self.old:.3f} to {1e3 * self.new:.3f} ms"


class Comparison(NamedTuple):
    rows: int
    slower: list[Change]
    faster: list[Change]
    unmatched: int  # rows that one of the records lacks
    untold: int  # rows with too few rounds to tell

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        yield from map(str, (*self.slower, *self.faster))
        left = f"; {self.unmatched} rows stand in one record only" * (self.unmatched > 0)
        left += f"; {self.untold} rows have too few rounds to tell" * (self.untold > 0)
        yield f"{self.rows} rows: {len(self.slower)} slower, {len(self.faster)} faster beyond noise{left}"


def compare(old: Path, new: Path) -> Comparison:
    """Match the rows of two records by shape, threads and name, and say which changed.

    raises  DataError for a file that is no record with its rounds, or records of two benchmarks, dtypes or machines, or
            of too few rounds to tell anything
    """
    before, after = _record(old), _record(new)
    for what, of in (("benchmark", "what"), ("dtype", "dtype"), ("machine", "machine")):
        if before[of] != after[of]:
            raise DataError(
                f"{old} has the {what} {before[of]} but {new} {after[of]}: expected the same, run both on one machine"
            )
    rows, others = _rows(old, before), _rows(new, after)
    both = [key for key in rows if key in others]
    if not both:
        raise DataError(f"{old} and {new} have no row in common: expected the same shapes")
    limit = LEVEL / 2 / len(both)  # both directions are looked at
    untold = [key for key in both if 1 / comb(len(rows[key]) + len(others[key]), len(rows[key])) > limit]
    if len(untold) == len(both):
        raise DataError(f"{old} and {new} have too few rounds for {len(both)} rows: run both with more --rounds")
    chances = {key: _chance(rows[key], others[key]) for key in both}
    changed = []
    for place, key in enumerate(sorted(both, key=lambda key: chances[key])):
        if chances[key] > LEVEL / 2 / (len(both) - place):
            break
        changed.append(key)
    found = [_change(key, median(rows[key]), median(others[key])) for key in both if key in set(changed)]
    return Comparison(
        len(both),
        [change for change in found if change.new > MARGIN * change.old],
        [change for change in found if change.old > MARGIN * change.new],
        len(rows.keys() ^ others.keys()),
        len(untold),
    )


def _chance(old: Sequence[float], new: Sequence[float]) -> float:
    """Of ranks like these, or further apart in the direction of the medians, if nothing changed."""
    direction = "greater" if median(new) > median(old) else "less"
    method = "exact" if len({*old, *new}) == len(old) + len(new) else "asymptotic"  # the clock may give one time twice
    return float(mannwhitneyu(new, old, alternative=direction, method=method).pvalue)


def _change(key: Key, old: float, new: float) -> Change:
    *shape, (_, name) = key
    return Change(", ".join(f"{part} {value}" for part, value in shape), name, old, new)


def _record(path: Path) -> Record:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON record ({error}): expected what pp-ref bench wrote with --out") from error
    if not isinstance(found, dict) or not {"what", "dtype", "machine", "measured"} <= found.keys():
        raise DataError(f"{path} is no record of a benchmark: expected what pp-ref bench wrote with --out")
    return found


def _rows(path: Path, record: Record) -> dict[Key, list[float]]:
    """The rounds' seconds by shape, threads and name."""
    try:
        rows = {
            (*((part, value) for part, value in block.items() if part not in SAID), ("name", row["name"])): row[
                "seconds"
            ]
            for block in record["measured"]
            for row in block["rows"]
        }
        if not all(rows.values()) or not all(0 < second < inf for each in rows.values() for second in each):
            raise ValueError("a row's seconds are not all positive numbers")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} has rows without their rounds' seconds ({error!r}): run the benchmark again"
        ) from error
    return rows
