"""Put every planted fault to the oracle, in float64 and float32, and write what it said.

python benchmarks/oracle/faults.py    benchmarks/oracle/faults.json and docs/oracle_faults.md; 10 minutes on 2 cores

A fault that is one in float32 alone (a result promoted to float64) is left out in float64.
"""

import json
import multiprocessing
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from pp_ref.files import write_atomically
from pp_ref.machine import cores
from pp_ref.oracle.corpus import PLANTED, trial
from pp_ref.records import circumstances

ROOT = Path(__file__).parent.parent.parent
RECORD = ROOT / "benchmarks" / "oracle" / "faults.json"
PAGE = ROOT / "docs" / "oracle_faults.md"


def tried(job: tuple[int, str]) -> dict[str, Any]:
    """One fault in one arithmetic."""
    at, arithmetic = job
    planted = PLANTED[at]
    found = trial(planted, arithmetic)
    return {
        "function": planted.function,
        "operation": planted.operations[0].name,
        "fault": planted.name,
        "sentence": planted.sentence,
        "arithmetic": arithmetic,
        "reported": found.reported,
        "named": found.named,
        "said": found.said,
    }


def page(record: dict[str, Any]) -> str:
    """The table of the docs."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: dict[str, Any]) -> Iterator[str]:
    trials = record["trials"]
    reported, named = (sum(each[key] for each in trials) for key in ("reported", "named"))
    yield "# Planted faults, and what the oracle said of them"
    yield ""
    yield "Written by `benchmarks/oracle/faults.py` from its record. A fault is planted in one of pp_ref's functions,"
    yield "which the oracle then judges, in float64 and float32. *Named*: it says what is wrong, not only where."
    yield ""
    shares = (
        f"{count} {what} ({count / len(trials):.1%})" for count, what in ((reported, "reported"), (named, "named"))
    )
    yield f"{len(trials)} trials: {', '.join(shares)}."
    yield ""
    yield "| operation | planted | reported | named |"
    yield "| --- | ---: | ---: | ---: |"
    for operation, group in groupby(sorted(trials, key=_operation), key=_operation):
        every = list(group)
        counts = (sum(each[key] for each in every) for key in ("reported", "named"))
        yield f"| {operation} | {len(every)} | " + " | ".join(map(str, counts)) + " |"
    yield ""
    yield "## Where only the place is said"
    yield ""
    yield "| function | fault | arithmetic | said |"
    yield "| --- | --- | --- | --- |"
    for each in trials:
        if not each["named"]:
            said = each["said"].replace("|", "\\|")
            yield f"| {each['function']} | {each['sentence']} | {each['arithmetic']} | {said} |"


def _operation(each: dict[str, Any]) -> str:
    return str(each["operation"])


def main() -> None:
    jobs = [
        (at, arithmetic)
        for at, planted in enumerate(PLANTED)
        for arithmetic in ("float64", "float32")
        if planted.only in (None, arithmetic)
    ]
    with multiprocessing.get_context("spawn").Pool(cores()) as pool:
        trials = pool.map(tried, jobs, chunksize=4)
    record = {"trials": trials} | circumstances()
    write_atomically(RECORD, (json.dumps(record, indent=1) + "\n").encode())
    write_atomically(PAGE, page(record).encode())
    missed = [each for each in trials if not each["reported"]]
    print(f"{len(trials)} trials, {len(missed)} not reported: {missed}")


if __name__ == "__main__":
    main()
