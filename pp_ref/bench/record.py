"""The record of a benchmark, of one shape for every subject.

subject, what  the subject's name, and one sentence of it
settings       what is the same in all blocks: batch, data, ...
dtype, rounds
limits         a product's rate and a copy's, by threads
measured       blocks {shape ..., threads, rows}: a row is a contender with its seconds in every round, their minimum,
               median and maximum, and, where they are counted, its share of the derived bound, its flops and bytes,
               its shares of the limits, and how many times as fast as the best peer it is. Where a way was chosen, the
               block has a `choice`: the way, the best one, and how far it is behind
goals          what was wanted, at least or at most, and what was reached, by threads
versions, machine, peak_memory_mb
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pp_ref.bench.contest import Block, copy_rate, peak_rate, threads
from pp_ref.errors import DataError
from pp_ref.machine import Device
from pp_ref.records import circumstances

__all__ = ["BESIDE_SHAPE", "Record", "goal", "lines", "met", "reached", "read", "record"]

Record = dict[str, Any]
BESIDE_SHAPE = ("rows", "choice")  # what a block has beside its shape and threads
KEYS = {"subject", "settings", "dtype", "machine", "measured"}


def record(
    subject: str,
    docstring: str | None,
    rounds: int,
    measured: list[Block],
    goals: Callable[[Record], Sequence[Record]] | None = None,
    dtype: str = "float32",
    device: Device = "cpu",
    limits: Sequence[Record] | None = None,
    **settings: Any,
) -> Record:
    """The blocks, with the processor's limits or those that are given, the rows' shares of them, and what was reached
    of the goals. The first line of the module's docstring says what was measured."""
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
    return made | {"goals": list(goals(made) if goals else ())}


def _limits(number: int) -> Record:
    with threads(number):
        return {"threads": number, "peak_gflops": peak_rate(), "copy_gb_s": copy_rate()}


def read(path: Path) -> Record:
    """raises  DataError if the file is no record"""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON record ({error}): expected what pp-ref bench wrote with --out") from error
    if not isinstance(found, dict) or not found.keys() >= KEYS:
        raise DataError(f"{path} is no record of a benchmark: expected what pp-ref bench wrote with --out")
    return found


def goal(what: str, sense: str, wanted: float, reached: Mapping[int | None, float]) -> list[Record]:
    """A goal "at least" or "at most", for each number of threads that it was measured with, or for None."""
    return [
        {"what": what} | ({"threads": n} if n else {}) | {"sense": sense, "goal": wanted, "reached": value}
        for n, value in reached.items()
    ]


def met(goal: Record) -> bool:
    """False for NaN."""
    if goal["sense"] == "at least":
        return bool(goal["reached"] >= goal["goal"])
    return bool(goal["reached"] <= goal["goal"])


def reached(record: Record, name: str, key: str = "times_best_peer", **shape: Any) -> dict[int | None, float]:
    """A contender's number at a shape, by threads; empty where the shape was not measured."""
    return {
        block.get("threads"): row[key]
        for block in record["measured"]
        if shape.items() <= block.items()
        for row in block["rows"]
        if row["name"] == name
    }


def lines(record: Record) -> Iterator[str]:
    """What a record says, for a terminal."""
    yield record["what"]
    for limits in record["limits"]:
        product = (
            "{threads} threads: product {peak_gflops:.0f} Gflop/s, ".format(**limits) if "threads" in limits else ""
        )
        yield f"{product}copy {limits['copy_gb_s']:.0f} GB/s"
    for block in record["measured"]:
        yield ", ".join(f"{name} {value}" for name, value in block.items() if name not in BESIDE_SHAPE) + (
            "; {way} is behind the best by {behind:.0%}".format(**block["choice"]) if "choice" in block else ""
        )
        for row in block["rows"]:
            if "median_s" not in row:
                yield "  " + ", ".join(f"{key} {value}" for key, value in row.items())
                continue
            times = {key: 1e3 * row[of] for key, of in (("ms", "median_s"), ("low", "min_s"), ("high", "max_s"))}
            said = "  {name:26} median {ms:9.3f} ms, {low:.3f} to {high:.3f}".format(name=row["name"], **times)
            for key, form in (("share_of_bound", "{:.1%} of bound"), ("share_of_peak", "{:.0%} of peak")):
                said += "; " + form.format(row[key]) if key in row else ""
            yield said + (f"; {row['times_best_peer']:.1f} x the best peer" if "times_best_peer" in row else "")
    for each in record["goals"]:
        yield (
            "goal: {what}{with_threads}: {sense} {goal:.3g}, reached {reached:.3g}: {said}".format(
                **each,
                with_threads=f", {each['threads']} threads" if "threads" in each else "",
                said="met" if met(each) else "missed",
            )
        )
