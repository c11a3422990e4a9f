"""Put every planted fault to the oracle, in float64 and float32, and write what it said.

    nice python benchmarks/oracle/faults.py [--only OPERATION ...]

It writes benchmarks/oracle/faults.json and docs/oracle_faults.md, in half an hour; with --only the faults of these
operations are tried, and the record keeps what it says of others.

A fault that exists in float32 alone (a result promoted to float64) is not put to it in float64.
"""

import argparse
import multiprocessing
from dataclasses import asdict
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from benchmarks.oracle.corpus import BY_RULE, PLANTED, trial
from pp_ref.files import write_atomically
from pp_ref.machine import cores
from pp_ref.records import STUDY, circumstances, markdown

ROOT = Path(__file__).parent.parent.parent
EVERY = (*PLANTED, *BY_RULE)
RECORD = ROOT / "benchmarks" / "oracle" / "faults.json"
PAGE = ROOT / "docs" / "oracle_faults.md"


def tried(job: tuple[int, str]) -> dict[str, Any]:
    """Return what the oracle said of one fault in one arithmetic."""
    at, arithmetic = job
    planted = EVERY[at]
    return {
        "function": planted.function,
        "operation": planted.operations[0].name,
        "fault": planted.name,
        "sentence": planted.sentence,
        "arithmetic": arithmetic,
    } | asdict(trial(planted, arithmetic))


TEXT = """# Planted faults, and what the oracle said of them

Written by `benchmarks/oracle/faults.py` from its record. A fault is planted in one of pp_ref's functions,
which the oracle then judges, in float64 and float32. *Named*: it says what is wrong, not only where.

{total} trials: {shares}.

{table}

## Where only the place is said, or nothing

| function | fault | arithmetic | said |
| --- | --- | --- | --- |
"""


def page(record: dict[str, Any]) -> str:
    """Return the page of the docs."""
    operation = itemgetter("operation")
    trials = sorted(record["trials"], key=operation)
    counts = {what: sum(each[what] for each in trials) for what in ("reported", "named")}
    shares = ", ".join(f"{count} {what} ({count / len(trials):.1%})" for what, count in counts.items())
    rows = []
    for name, group in groupby(trials, key=operation):
        every = list(group)
        rows.append([name, str(len(every)), *(str(sum(each[what] for each in every)) for what in counts)])
    unnamed = [each for each in record["trials"] if not each["named"]]
    cells = ([each["function"], each["sentence"], each["arithmetic"], said(each)] for each in unnamed)
    text = TEXT.format(total=len(trials), shares=shares, table=markdown(["operation", "planted", *counts], rows))
    return text + "".join(f"| {' | '.join(row)} |\n" for row in cells)


def said(each: dict[str, Any]) -> str:
    """Return what the oracle said of a fault that it did not name, for a cell of a table."""
    silent = "suspicious, without a diagnosis" if each["reported"] else "not reported: every result is within its bound"
    return (each["said"] or silent).replace("|", "\\|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[])
    only = parser.parse_args().only
    jobs = [
        (at, arithmetic)
        for at, planted in enumerate(EVERY)
        for arithmetic in ("float64", "float32")
        if planted.only in (None, arithmetic) and (not only or planted.operations[0].name in only)
    ]
    with multiprocessing.get_context("spawn").Pool(cores()) as pool:
        trials = pool.map(tried, jobs, chunksize=4)
    missed = [each for each in trials if not each["reported"]]
    before = STUDY.read_json(RECORD, "take it from the repository again")["trials"] if only else []
    record = {"trials": [each for each in before if each["operation"] not in only] + trials} | circumstances()
    STUDY.write_json(RECORD, record)
    write_atomically(PAGE, page(record).encode())
    print(f"{len(trials)} trials, {len(missed)} not reported: {missed}")


if __name__ == "__main__":
    main()
