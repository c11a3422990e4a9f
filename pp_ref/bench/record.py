"""The record of a benchmark, of one shape for every subject.

subject, what  name of the subject, and one sentence about it
settings       what all blocks have in common: batch, data, ...
dtype, rounds
timing         `turn_s` and `uncounted_s` of `pp_ref.bench.timing`; records of before lack it: their turns are single
               calls
libraries      the kernels and instructions that each library took for this processor
limits         rates of a product and of a copy, by number of threads
measured       blocks {shape ..., threads, rows, peers}; `peers` names the rows of peers. A row is a contender: in every
               turn its counted calls and the seconds of one step, their minimum, median and maximum, whether it is
               unstable, and what was counted: its share of the derived bound, its flops and bytes, its limit (the
               seconds that these take at the measured rates). A stable row has its shares of the limits and its speed
               against the best peer, beside the ceiling, the speed that it would have at its limit. A block in which a
               way was chosen has a `choice`: the way, the best way, and how much longer the chosen one takes
goals          each goal, "at least" or "at most", the number reached, and its ceiling, by number of threads; null: not
               known, because rows are unstable
versions, machine, peak_memory_mb
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pp_ref.bench.contest import Block, rates, threads
from pp_ref.bench.libraries import libraries
from pp_ref.bench.noise import unstable
from pp_ref.bench.timing import Timing
from pp_ref.envelope import Format
from pp_ref.machine import Device
from pp_ref.records import circumstances

__all__ = ["BESIDE_SHAPE", "Reached", "Record", "goal", "inverse", "met", "reached", "read", "record", "write"]

Record = dict[str, Any]
Reached = Mapping[int | None, float | None]  # by number of threads
BESIDE_SHAPE = ("rows", "choice", "peers")  # keys of a block that are not part of its shape
KEYS = {"subject", "settings", "dtype", "machine", "measured"}
OLD_KEYS = KEYS | {"what", "rounds", "limits", "goals", "versions", "peak_memory_mb"}
BENCHMARK = Format("pp_ref.benchmark", "the record of a benchmark", lambda record: record.keys() == OLD_KEYS)


def record(
    subject: str,
    docstring: str | None,
    timing: Timing,
    measured: list[Block],
    goals: Callable[[Record], Iterable[Record]] = lambda record: (),
    dtype: str = "float32",
    device: Device = "cpu",
    limits: Sequence[Record] | None = None,
    **settings: Any,
) -> Record:
    """Return the record of the blocks: adds the limits, each row's shares of them, and the goals.

    docstring  of the subject's module; its first line becomes `what`
    goals      (record) -> its goals
    limits     None: measured on this processor
    """
    if limits is None:
        numbers = sorted({block["threads"] for block in measured if "threads" in block})
        limits = [_limits(number, timing) for number in numbers]
    for block in measured:
        of_block = next((each for each in limits if each.get("threads") == block.get("threads")), {})
        for row in block["rows"]:
            _limit(row, of_block)
    what = str(docstring).partition("\n")[0]
    made = {"subject": subject, "what": what, "settings": settings, "dtype": dtype, "rounds": timing.rounds}
    made |= {"timing": timing.described(), "libraries": libraries(), "limits": list(limits)}
    made |= {"measured": measured, "goals": []} | circumstances(device)
    return made | {"goals": list(goals(made))}


def _limits(number: int, timing: Timing) -> Record:
    with threads(number):
        return {"threads": number} | rates(timing)


def _limit(row: Record, limits: Record) -> None:
    """Add to a row its limit in seconds and, if it is stable, its shares of the rates and its ceiling."""
    parts = []
    for amount, share, rate in (
        ("flops", "share_of_peak", "peak_gflops"),
        ("least_bytes", "share_of_copy", "copy_gb_s"),
    ):
        if amount in row and rate in limits:
            parts.append(row[amount] / limits[rate] / 1e9)
            if not unstable(row):
                row[share] = parts[-1] / row["min_s"]
    if parts:
        row["limit_s"] = max(parts)
        if "times_best_peer" in row:
            row["ceiling"] = row["times_best_peer"] * row["median_s"] / row["limit_s"]


def write(path: Path, record: Record) -> None:
    """Write a record to a file, whole or not at all; raises DataError if it cannot be written."""
    BENCHMARK.write_json(path, record)


def read(path: Path) -> Record:
    """Return the record in a file; raises DataError if it holds none."""
    advice = "expected what pp-ref bench wrote with --out"
    found = BENCHMARK.read_json(path, advice)
    with BENCHMARK.reading(path, advice):
        if not found.keys() >= KEYS:
            raise ValueError(f"it has no {', '.join(sorted(KEYS - found.keys()))}")
    return found


def goal(what: str, sense: str, wanted: float, reached: Reached, ceiling: Reached | None = None) -> list[Record]:
    """Return a goal, "at least" or "at most", for each number of threads in ``reached``; None: no threads are named.

    reached, ceiling  by number of threads: the number reached and the one that cannot be passed; None: not known
    """
    return [
        {"what": what}
        | ({"threads": n} if n else {})
        | {"sense": sense, "goal": wanted, "reached": value}
        | ({"ceiling": ceiling[n]} if ceiling and ceiling.get(n) else {})
        for n, value in reached.items()
    ]


def met(goal: Record) -> bool:
    """Return whether a goal is reached; False for NaN, and for what is not known because rows are unstable."""
    compare = operator.ge if goal["sense"] == "at least" else operator.le
    return goal["reached"] is not None and bool(compare(goal["reached"], goal["goal"]))


def reached(record: Record, name: str, key: str = "times_best_peer", **shape: Any) -> dict[int | None, float | None]:
    """Return a contender's number at a shape, by number of threads; empty if the shape was not measured.

    returns  None for an unstable row, and for a number that the row lacks
    """
    return {
        block.get("threads"): None if unstable(row) else row.get(key)
        for block in record["measured"]
        if shape.items() <= block.items()
        for row in block["rows"]
        if row["name"] == name
    }


def inverse(numbers: Reached) -> dict[int | None, float | None]:
    """Return 1 / number by number of threads: seconds, times the best peer's."""
    return {threads: number and 1 / number for threads, number in numbers.items()}
