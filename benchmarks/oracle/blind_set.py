"""What the oracle says of mistakes that were written without sight of it, and of right programs in unusual styles.

    nice python -m benchmarks.oracle.blind_set [--jobs 2] [NAME ...]    writes blind_set.json and docs/oracle_blind.md

`blind_set/mistakes` and `blind_set/right` were written from docs/candidates.md, docs/notation.md and docs/operations.md
alone; `truths.json` says what is wrong in each file. `readings.json` says of each name that was given whether it holds
of the code; names were read without sight of the diagnosis. With names, those alone are run and the others are
kept from the record.
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.oracle.catch_table import ROOT, put
from pp_ref.files import write_atomically
from pp_ref.oracle.verdict.diagnosis import UNKNOWN
from pp_ref.records import STUDY, circumstances, markdown

FOLDER = Path(__file__).with_name("blind_set")
RECORD = FOLDER.with_suffix(".json")
PAGE = ROOT / "docs" / "oracle_blind.md"
READ = json.loads((FOLDER / "readings.json").read_text())
TRUTHS = {each["file"]: each for each in json.loads((FOLDER / "truths.json").read_text())}
READINGS = ("true", "false", "no name")  # of what was said
NOT_READ = "not read"  # since it was said


def files() -> dict[str, Path]:
    """Return every program by its name, "mistakes/001_dense" say."""
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in sorted(FOLDER.rglob("*.py"))}


def judged(name: str) -> dict[str, Any]:
    """Put one program to the oracle."""
    path = files()[name]
    said = put(path)
    truth = TRUTHS.get(path.name, {"operation": "", "mistake": "", "when": ""})
    return {
        "name": name,
        "operation": truth["operation"],
        "mistake": truth["mistake"],
        "when": truth["when"],
        "exit_code": said.code,
        "counts": said.report.get("counts", {}),
        "said": said.diagnosis if said.code else "",
    }


TEXT = """# Mistakes written without sight of the oracle

Written by `benchmarks/oracle/blind_set.py` from its record. The programs are in `benchmarks/oracle/blind_set`. Whoever
wrote them had [candidates.md](candidates.md), [notation.md](notation.md) and [operations.md](operations.md), and
nothing else. *Named*: the oracle says what is wrong, not only where; a name is *false* if what it says does not hold of
the code. Each name was read against the code without sight of the diagnosis. This is the first record: cases and names
were mended after it, and it was not made again since.

{summary}

## Not reported

{missed}

## False names

{false}

## All mistakes, and what was said

{rows}
"""


def page(record: dict[str, Any]) -> str:
    """Return the page of the docs."""
    mistakes, right = (
        [row for row in record["rows"] if row["name"].startswith(kind)] for kind in ("mistakes/", "right/")
    )
    seen = [row for row in mistakes if row["exit_code"]]
    as_read = {row["name"]: reading(row) for row in seen}
    head = [
        "mistakes",
        "operations",
        "reported",
        "named truly",
        "named falsely",
        "no name",
        "not read",
        "right programs",
    ]
    numbers = [len(mistakes), len({row["operation"] for row in mistakes}), len(seen)]
    numbers += [sum(found == each for found in as_read.values()) for each in (*READINGS, NOT_READ)]
    numbers += [len(right), sum(row["exit_code"] != 0 for row in right)]
    return TEXT.format(
        summary=markdown((*head, "of these, false alarms"), [list(map(str, numbers))]),
        missed=_table([row for row in mistakes if not row["exit_code"]], {}),
        false=_table([row for row in seen if as_read[row["name"]] == "false"], as_read),
        rows=_table(mistakes, as_read),
    )


def reading(row: dict[str, Any]) -> str:
    """Return how the name was read; "not read" if the oracle says something else now than what was read."""
    said = row["said"]
    if said.startswith(UNKNOWN) or not said:
        return "no name"
    found = READ.get(row["name"])
    return str(found["reading"]) if found and found["said"] == said else NOT_READ


def _table(rows: list[dict[str, Any]], as_read: dict[str, str]) -> str:
    if not rows:
        return "None."
    cells = [
        [
            row["name"].removeprefix("mistakes/"),
            f"{row['mistake']} ({row['when']})",
            row["said"],
            as_read.get(row["name"], ""),
        ]
        for row in rows
    ]
    cells = [[" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in cells]
    return markdown(("program", "mistake (when)", "said", "the name is"), cells).replace("---:", "---")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="those that are run again; none: all")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if unknown := {*arguments.names} - files().keys():
        parser.error(f"there is no {', '.join(sorted(unknown))} in {FOLDER}")
    kept = {row["name"]: row for row in STUDY.read_json(RECORD, "run all")["rows"]} if arguments.names else {}
    with ThreadPoolExecutor(arguments.jobs) as pool:
        found = {row["name"]: row for row in pool.map(judged, arguments.names or files())}
    record = {"rows": [(kept | found)[name] for name in files() if name in kept | found]} | circumstances()
    STUDY.write_json(RECORD, record, indent=1)
    write_atomically(PAGE, page(record).encode())


if __name__ == "__main__":
    main()
