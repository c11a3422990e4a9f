"""The record of a benchmark, of one shape for every subject.

subject, what  name of the subject, and one sentence about it
settings       what all blocks have in common: batch, data, ...
dtype, rounds
limits         rates of a product and of a copy, by number of threads
measured       blocks {shape ..., threads, rows}. A row is a contender: its seconds in every round, their minimum,
               median and maximum, and what was counted: its share of the derived bound, its flops and bytes, its shares
               of the limits, its speed against the best peer. A block in which a way was chosen has a `choice`: the
               way, the best way, and how much longer the chosen one takes
goals          each goal, "at least" or "at most", and the number reached, by number of threads
versions, machine, peak_memory_mb
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pp_ref.bench.contest import Block, copy_rate, peak_rate, threads
from pp_ref.envelope import Format
from pp_ref.machine import Device
from pp_ref.records import circumstances

__all__ = ["BESIDE_SHAPE", "Record", "goal", "met", "reached", "read", "record", "write"]

Record = dict[str, Any]
BESIDE_SHAPE = ("rows", "choice")  # keys of a block that are not part of its shape
KEYS = {"subject", "settings", "dtype", "machine", "measured"}
OLD_KEYS = KEYS | {"what", "rounds", "limits", "goals", "versions", "peak_memory_mb"}
BENCHMARK = Format("pp_ref.benchmark", "the record of a benchmark", lambda record: record.keys() == OLD_KEYS)


def record(
    subject: str,
    docstring: str | None,
    rounds: int,
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
        limits = [_limits(number) for number in sorted({block["threads"] for block in measured if "threads" in block})]
    for block in measured:
        limit = next((each for each in limits if each.get("threads") == block.get("threads")), {})
        for row in block["rows"]:
            for amount, share, rate in (
                ("flops", "share_of_peak", "peak_gflops"),
                ("least_bytes", "share_of_copy", "copy_gb_s"),
            ):
                if amount in row and rate in limit:
                    row[share] = row[amount] / row["min_s"] / 1e9 / limit[rate]
    what = str(docstring).partition("\n")[0]
    made = {"subject": subject, "what": what, "settings": settings, "dtype": dtype, "rounds": rounds}
    made |= {"limits": list(limits), "measured": measured, "goals": []} | circumstances(device)
    return made | {"goals": list(goals(made))}


def _limits(number: int) -> Record:
    with threads(number):
        return {"threads": number, "peak_gflops": peak_rate(), "copy_gb_s": copy_rate()}


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


def goal(what: str, sense: str, wanted: float, reached: Mapping[int | None, float]) -> list[Record]:
    """Return a goal, "at least" or "at most", for each number of threads in ``reached``; None: no threads are named."""
    return [
        {"what": what} | ({"threads": n} if n else {}) | {"sense": sense, "goal": wanted, "reached": value}
        for n, value in reached.items()
    ]


def met(goal: Record) -> bool:
    """Return whether a goal is reached; False for NaN."""
    compare = operator.ge if goal["sense"] == "at least" else operator.le
    return bool(compare(goal["reached"], goal["goal"]))


def reached(record: Record, name: str, key: str = "times_best_peer", **shape: Any) -> dict[int | None, float]:
    """Return a contender's number at a shape, by number of threads; empty if the shape was not measured."""
    return {
        block.get("threads"): row[key]
        for block in record["measured"]
        if shape.items() <= block.items()
        for row in block["rows"]
        if row["name"] == name
    }
