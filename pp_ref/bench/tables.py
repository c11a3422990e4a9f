"""Cells, notes and tables that several subjects put into README and docs/speed.md."""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from pp_ref.bench.record import Record, met
from pp_ref.records import markdown

__all__ = [
    "against_peers",
    "goals_table",
    "machine",
    "milliseconds",
    "of_best_peer",
    "seconds",
    "times_best_peer",
    "with_threads",
]


def machine(record: Record) -> str:
    """Return a record's processor and versions."""
    machine, versions = record["machine"], record["versions"]
    libraries = (f"{name} {versions[of]}" for name, of in (("PyTorch", "torch"), ("NumPy", "numpy")) if of in versions)
    kernels = machine["blas"]["kernels"]
    return f"{machine['processor']}, {machine['cores']} cores, OpenBLAS kernels {kernels}, {', '.join(libraries)}"


def milliseconds(row: dict[str, Any], digits: int = 2, unit: float = 1e3) -> str:
    """Return a row's "median (minimum to maximum)"; ``unit`` is the number of units in a second."""
    median, least, most = (f"{unit * row[key]:.{digits}f}" for key in ("median_s", "min_s", "max_s"))
    return f"{median} ({least} to {most})"


seconds = partial(milliseconds, unit=1)


def of_best_peer(row: Record) -> str:
    """Return the cell of how many times faster than the best peer a row is; empty if no peer is installed."""
    return f"{row['times_best_peer']:.1f}x" if "times_best_peer" in row else ""


def with_threads(number: int) -> str:
    return f"with {number} thread{'s' * (number > 1)}"


def times_best_peer(record: Record, *names: str, peer: str | None = None, **shape: Any) -> dict[int | None, float]:
    """Return the seconds of the best peer over ours at a shape, by number of threads.

    names  ours is the fastest of these contenders; without names it is the chosen way
    peer   None: the best peer

    A peer that a second thread makes slower, as PyTorch between turns, is counted with its time on one thread.
    """
    found: dict[int | None, float] = {}
    theirs: list[float] = []
    for block in record["measured"]:
        rows = {row["name"]: row for row in block["rows"]}
        any_row = next(iter(rows.values()))
        if shape.items() <= block.items() and (peer in rows if peer else "times_best_peer" in any_row):
            ours = min(rows[name]["median_s"] for name in names or (block["choice"]["way"],))
            theirs.append(rows[peer]["median_s"] if peer else any_row["times_best_peer"] * any_row["median_s"])
            found[block["threads"]] = min(theirs) / ours
    return found


def against_peers(record: Record, shape: Sequence[str], contender: str | None = None) -> str:
    """Return the table of a contender, by default of the chosen way: its speed against the best dense peer, and its
    shares of the bound and of the machine's limits."""
    rows = []
    for block in record["measured"]:
        way = contender or block["choice"]["way"]
        row = next(row for row in block["rows"] if row["name"] == way)
        limits = (f"{row[share]:.0%}" for share in ("share_of_bound", "share_of_peak", "share_of_copy"))
        said = ", ".join(f"{block[part]:g}" if part == "proportion" else str(block[part]) for part in shape)
        cells = said + ("" if contender else f": {way}"), str(block["threads"]), milliseconds(row)
        rows.append([*cells, of_best_peer(row), *limits])
    headings = [", ".join(shape), "threads", "ms", "of the best dense peer", "of bound", "of peak", "of copy rate"]
    return f"{markdown(headings, rows)}\n\n{machine(record)}."


def goals_table(records: Iterable[Record]) -> str:
    """Return the table of the "at least" goals, speeds against a peer, with what one thread and two reach."""
    rows = []
    for record in records:
        wanted = [goal for goal in record["goals"] if goal["sense"] == "at least"]
        for what, goals in groupby(wanted, key=lambda goal: goal["what"]):
            by_threads = {goal["threads"]: goal for goal in goals}
            shown = (f"{by_threads[number]['reached']:.1f}x" if number in by_threads else "" for number in (1, 2))
            goal = next(iter(by_threads.values()))["goal"]
            rows.append([what, f"{goal:g}x", *shown, "yes" if all(map(met, by_threads.values())) else "no"])
    return markdown(["against the best peer, or the one named", "goal", "1 thread", "2 threads", "met"], rows)
