"""Put damaged, hostile and odd files to every reader, and failing disks to every writer, and write what they did.

    python -m benchmarks.robustness [--trials N] [--seed 0] [--only FORMAT ...]

With --only, the rows of other formats stay. `python -m benchmarks.readme` then writes the tables of docs/robustness.md.
`make torture` runs the same trials. Exit code 1: some trial was neither the honest value nor a refusal.
"""

import argparse
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pp_ref.machine import cores
from pp_ref.records import STUDY, circumstances, markdown
from tests.robustness.faults import hostile_files
from tests.robustness.formats import FORMATS
from tests.robustness.injector import LONG, inject
from tests.robustness.trials import VERDICTS

RECORD = Path(__file__).with_suffix(".json")
COLUMNS = (*VERDICTS, "too much memory")


def measured(trials: int, seed: int, names: list[str]) -> list[dict[str, Any]]:
    """Return a row for each format and fault; formats take turns, one child for each core."""
    with TemporaryDirectory(prefix="pp_ref-") as folder, ThreadPoolExecutor(cores()) as pool:
        hostile = hostile_files(Path(folder) / "hostile")
        found = list(pool.map(lambda name: list(inject(name, hostile, trials, seed)), names))
    return [
        {"format": row.format, "fault": row.fault, "trials": row.trials, **row.counts}
        | {"most_memory_mb": round(row.most_mb, 1), "slowest_s": round(row.slowest_s, 3), "wrong": row.wrong}
        for each in found
        for row in each
    ]


def rows() -> list[dict[str, Any]]:
    """Return the rows of the committed record."""
    found: list[dict[str, Any]] = STUDY.read_json(RECORD, "take it from the repository again")["rows"]
    return found


def table(by: str) -> str:
    """Return the numbers of trials and verdicts by "format" or by "fault", from the committed record."""
    counts: dict[str, Counter[str]] = {}
    for row in rows():
        for name in (row[by], "all"):
            counts.setdefault(name, Counter()).update({column: row[column] for column in ("trials", *COLUMNS)})
    counts["all"] = counts.pop("all")
    cells = [[name, *(f"{found[column]:,}" for column in ("trials", *COLUMNS))] for name, found in counts.items()]
    return markdown([by, "trials", *COLUMNS], cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=LONG, help="of each kind of damage and format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=FORMATS, metavar="FORMAT", default=list(FORMATS))
    arguments = parser.parse_args()
    others = set(FORMATS) - set(arguments.only)
    found = [row for row in rows() if row["format"] in others] if others else []
    found += measured(arguments.trials, arguments.seed, arguments.only)
    found.sort(key=lambda row: list(FORMATS).index(row["format"]))
    record = {"trials": arguments.trials, "seed": arguments.seed, "rows": found} | circumstances()
    STUDY.write_json(RECORD, record)
    wrong = [said for row in found for said in row["wrong"]]
    print(*wrong, f"{sum(row['trials'] for row in found):,} trials, {len(wrong)} wrong", sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
