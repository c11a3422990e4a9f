"""Cells, notes and tables that several subjects put into README and docs/speed.md."""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from pp_ref.bench.noise import best_median, unstable
from pp_ref.bench.record import Record, met
from pp_ref.bench.timing import said
from pp_ref.records import markdown

__all__ = [
    "UNSTABLE",
    "against_peers",
    "conditions",
    "goals_table",
    "milliseconds",
    "of_row",
    "seconds",
    "times",
    "times_best_peer",
    "with_threads",
]

UNSTABLE = "unstable"  # in place of a number that unstable rows do not give


def conditions(record: Record) -> str:
    """Return a record's processor and versions, and how its contenders were timed."""
    machine, versions = record["machine"], record["versions"]
    libraries = (f"{name} {versions[of]}" for name, of in (("PyTorch", "torch"), ("NumPy", "numpy")) if of in versions)
    kernels = machine["blas"]["kernels"]
    processor = f"{machine['processor']}, {machine['cores']} cores, OpenBLAS kernels {kernels}"
    rows = [row for block in record["measured"] for row in block["rows"]]
    loose = sum(row.get("unstable", False) for row in rows)  # records of before do not say
    verdict = f"; {loose} of {len(rows)} rows are {UNSTABLE}" * (loose > 0)
    return f"{processor}, {', '.join(libraries)}; {said(record)}{verdict}"


def milliseconds(row: dict[str, Any], digits: int = 2, unit: float = 1e3) -> str:
    """Return a row's "median (minimum to maximum)"; ``unit`` is the number of units in a second."""
    median, least, most = (f"{unit * row[key]:.{digits}f}" for key in ("median_s", "min_s", "max_s"))
    return f"{median} ({least} to {most})"


seconds = partial(milliseconds, unit=1)


def with_threads(number: int) -> str:
    return f"with {number} thread{'s' * (number > 1)}"


def of_row(row: dict[str, Any], key: str, form: str) -> str:
    """Return a row's number in a format of `format`; UNSTABLE if the row lacks it."""
    return format(row[key], form) if key in row else UNSTABLE


def times(numbers: dict[str, Any], key: str, digits: int = 1) -> str:
    """Return e.g. "2.3x (ceiling 3.1x)" for the number of a row or a goal, with its ceiling if it has one; UNSTABLE if
    the number is not known."""
    if numbers.get(key) is None:
        return UNSTABLE
    ceiling = f" (ceiling {numbers['ceiling']:.{digits}f}x)" if "ceiling" in numbers else ""
    return f"{numbers[key]:.{digits}f}x{ceiling}"


def times_best_peer(record: Record, *names: str, key: str = "median_s", **shape: Any) -> dict[int | None, float | None]:
    """Return the seconds of the best peer over ours at a shape, by number of threads.

    names    ours is the fastest of these contenders; without names it is the chosen way
    key      "limit_s": over the limit of ours instead, which is the ceiling
    returns  None if one of these rows, or a peer that may be the best, is unstable, or if ours has no limit

    A peer that a second thread makes slower, as PyTorch between turns, is counted with its time on one thread.
    """
    found: dict[int | None, float | None] = {}
    theirs: list[float | None] = []
    for block in record["measured"]:
        if shape.items() <= block.items() and block.get("peers"):  # no peer may be installed
            rows = {row["name"]: row for row in block["rows"]}
            ours = [rows[name] for name in names or (block["choice"]["way"],)]
            theirs.append(best_median([rows[name] for name in block["peers"]]))
            known = not any(map(unstable, ours)) and all(key in row for row in ours)
            best = min(filter(None, theirs)) if known and None not in theirs else None
            found[block["threads"]] = best and best / min(row[key] for row in ours)
    return found


def against_peers(record: Record, shape: Sequence[str], contender: str | None = None) -> str:
    """Return the table of a contender, by default of the chosen way: its speed against the best dense peer, and its
    shares of the bound and of the machine's limits."""
    rows = []
    for block in record["measured"]:
        way = contender or block["choice"]["way"]
        row = next(row for row in block["rows"] if row["name"] == way)
        limits = (of_row(row, share, ".0%") for share in ("share_of_bound", "share_of_peak", "share_of_copy"))
        said = ", ".join(f"{block[part]:g}" if part == "proportion" else str(block[part]) for part in shape)
        cells = said + ("" if contender else f": {way}"), str(block["threads"]), milliseconds(row)
        rows.append(
            [*cells, times(row, "times_best_peer") if block.get("peers", "times_best_peer" in row) else "", *limits]
        )
    headings = [", ".join(shape), "threads", "ms", "of the best dense peer", "of bound", "of peak", "of copy rate"]
    return f"{markdown(headings, rows)}\n\n{conditions(record)}."


def goals_table(records: Iterable[Record]) -> str:
    """Return the table of the "at least" goals, speeds against a peer, with what one thread and two reach."""
    rows = []
    for record in records:
        wanted = [goal for goal in record["goals"] if goal["sense"] == "at least"]
        for what, goals in groupby(wanted, key=lambda goal: goal["what"]):
            by_threads = {goal["threads"]: goal for goal in goals}
            shown = (times(by_threads[number], "reached") if number in by_threads else "" for number in (1, 2))
            goal = next(iter(by_threads.values()))["goal"]
            rows.append([what, f"{goal:g}x", *shown, "yes" if all(map(met, by_threads.values())) else "no"])
    return markdown(["against the best peer, or the one named", "goal", "1 thread", "2 threads", "met"], rows)
