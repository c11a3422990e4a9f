"""The comparison of two records of one subject, or of two folders of records: which rows became slower or faster.

A row is slower if both hold:

- Its turns rank higher than by chance: the one-sided exact test of Mann and Whitney (1947), at 5 % over all rows
  together (Holm, 1979). A test on ranks is little changed by one disturbed turn.
- Its median grew by more than a tenth. Two processes differ by several per cent because of the layout of memory alone
  (Mytkowicz et al., "Producing wrong data without doing anything obviously wrong!", 2009), and no test on the turns of
  one process can show that.

A row is faster if both hold in the other direction. Ranks need no stable row; the ratio does, and is left out without
one on both sides. Records of before, whose turns are single calls, compare with records whose turns are blocks of
calls, and the comparison says so: a row may then have changed by the method alone.
"""

from collections.abc import Iterator, Sequence
from math import comb, inf
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from scipy.stats import mannwhitneyu

from pp_ref.bench.noise import MARGIN, unstable
from pp_ref.bench.record import BESIDE_SHAPE, Record, read
from pp_ref.bench.tables import UNSTABLE
from pp_ref.bench.timing import kind
from pp_ref.errors import DataError

__all__ = ["LEVEL", "Comparison", "compare"]

LEVEL = 0.05
Key = tuple[tuple[str, Any], ...]
Records = dict[str, list[tuple[Path, Record]]]  # by subject


class Change(NamedTuple):
    shape: str
    name: str
    old: float  # median seconds
    new: float
    unstable: bool

    def __str__(self) -> str:
        ratio = max(self.new / self.old, self.old / self.new)
        way = "slower" if self.new > self.old else "faster"
        said = f"{way}, {UNSTABLE}" if self.unstable else f"{ratio:.2f} times {way}"
        return f"{self.shape}: {self.name}: {said}, {1e3 * self.old:.3f} to {1e3 * self.new:.3f} ms"


class Comparison(NamedTuple):
    rows: int
    slower: list[Change]
    faster: list[Change]
    unmatched: int  # rows that one side lacks
    untold: int  # rows with too few rounds to tell
    methods: tuple[str, ...]  # how each side was timed, if they differ

    def lines(self) -> Iterator[str]:
        """Yield the comparison's lines for a terminal."""
        yield from map(str, (*self.slower, *self.faster))
        left = f"; {self.unmatched} rows stand on one side only" * (self.unmatched > 0)
        left += f"; {self.untold} rows have too few rounds to tell" * (self.untold > 0)
        if self.methods:
            yield f"timed by {' and by '.join(self.methods)}: a row may have changed by that alone"
        yield f"{self.rows} rows: {len(self.slower)} slower, {len(self.faster)} faster beyond noise{left}"


def compare(old: Path, new: Path) -> Comparison:
    """Compare the rows of two records, or of two folders of records, matched by subject, shape, threads and name.

    A row has the turns of all records of its subject in a folder, so that several processes can be pooled.

    raises  DataError for a file that is no record with its turns; for records of different subjects, dtypes, settings
            or machines; if every row has too few rounds
    """
    before, after = _by_subject(old), _by_subject(new)
    subjects = [subject for subject in before if subject in after]
    if not subjects:
        said = [" and ".join(each) for each in (before, after)]
        raise DataError(f"{old} has the benchmark {said[0]} but {new} {said[1]}: expected the same")
    for subject in subjects:
        _check_same([*before[subject], *after[subject]])
    rows, others = _rows(before), _rows(after)
    both = [key for key in rows if key in others]
    if not both:
        raise DataError(f"{old} and {new} have no row in common: expected the same shapes")
    limit = LEVEL / 2 / len(both)  # both directions are looked at
    untold = [key for key in both if 1 / comb(len(rows[key]) + len(others[key]), len(rows[key])) > limit]
    if len(untold) == len(both):
        raise DataError(f"{old} and {new} have too few rounds for {len(both)} rows: run both with more --rounds")
    chances = {key: _chance(rows[key], others[key]) for key in both}
    changed = set()
    for place, key in enumerate(sorted(both, key=lambda key: chances[key])):
        if chances[key] > LEVEL / 2 / (len(both) - place):
            break
        changed.add(key)
    found = [_change(key, rows[key], others[key]) for key in both if key in changed]
    methods = _methods(before), _methods(after)
    return Comparison(
        len(both),
        [change for change in found if change.new > MARGIN * change.old],
        [change for change in found if change.old > MARGIN * change.new],
        len(rows.keys() ^ others.keys()),
        len(untold),
        methods if methods[0] != methods[1] else (),
    )


def _chance(old: Sequence[float], new: Sequence[float]) -> float:
    """Return the chance of ranks at least this far apart, in the direction of the medians, if nothing changed."""
    direction = "greater" if median(new) > median(old) else "less"
    method = "exact" if len({*old, *new}) == len(old) + len(new) else "asymptotic"  # the clock may give one time twice
    return float(mannwhitneyu(new, old, alternative=direction, method=method).pvalue)


def _change(key: Key, old: list[float], new: list[float]) -> Change:
    (_, subject), *shape, (_, name) = key
    said = ", ".join([subject, *(f"{part} {value}" for part, value in shape)])
    return Change(said, name, median(old), median(new), any(unstable({"seconds": each}) for each in (old, new)))


def _methods(records: Records) -> str:
    """Return how the records were timed, in words."""
    return " or ".join(dict.fromkeys(kind(record) for each in records.values() for _, record in each))


def _by_subject(path: Path) -> Records:
    """Return the record of a file, or all records of a folder, by subject."""
    found: Records = {}
    for each in sorted(path.glob("*.json")) if path.is_dir() else [path]:
        record = read(each)
        found.setdefault(record["subject"], []).append((each, record))
    if not found:
        raise DataError(f"{path} has no *.json: expected records that pp-ref bench wrote with --out")
    return found


def _check_same(records: Sequence[tuple[Path, Record]]) -> None:
    (first, expected), *others = records
    for path, record in others:
        for what in ("dtype", "settings", "machine"):
            if record[what] != expected[what]:
                said = f"{first} has the {what} {expected[what]} but {path} {record[what]}"
                raise DataError(f"{said}: expected the same, run both on one machine")


def _rows(records: Records) -> dict[Key, list[float]]:
    """Return the turns' seconds by subject, shape, threads and name."""
    found: dict[Key, list[float]] = {}
    for path, record in (each for of_subject in records.values() for each in of_subject):
        try:
            for block in record["measured"]:
                shape = [(part, value) for part, value in block.items() if part not in BESIDE_SHAPE]
                for row in block["rows"]:
                    seconds = row["seconds"]
                    if not seconds or not all(0 < second < inf for second in seconds):
                        raise ValueError("a row's seconds are not all positive numbers")
                    key = (("subject", record["subject"]), *shape, ("name", row["name"]))
                    found.setdefault(key, []).extend(seconds)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            said = f"{path} has rows without their turns' seconds ({error!r})"
            raise DataError(f"{said}: run the benchmark again") from error
    return found
