"""What the cards of the lessons say of wrong answers, written by others without sight of a card.

    nice python -m benchmarks.lessons FOLDER   take new answers: FOLDER/1.1/01.py, and FOLDER/mistakes.json, which
                                               says of each, "1.1/01", what is wrong with it
    nice python -m benchmarks.lessons          judge the answers of the record again
    python -m benchmarks.lessons --read FILE   write the list for who reads what was said, in Markdown

The record, lessons.json, has each answer's text, what is wrong with it, and what its card said: at first, and now.
`lessons_readings.json` says of each name whether it holds of the code, and why. `python -m benchmarks.readme` has the
table written.
"""

import argparse
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pp_ref.files import write_atomically
from pp_ref.lessons import check
from pp_ref.lessons.exercises import EXERCISES
from pp_ref.records import STUDY, circumstances, markdown

RECORD = Path(__file__).with_suffix(".json")
READINGS = Path(__file__).with_name("lessons_readings.json")
# Of what was said: "vague" holds and tells nothing of the mistake; "not read" is not what was read.
KINDS = ("true", "vague", "false", "no name", "not read")


def said(name: str, answer: str) -> dict[str, Any]:
    """What the card says of an answer: its status, the name of the mistake, and the ladder's steps but the repair."""
    card = check(name.partition("/")[0], answer)
    return {"status": card.status, "mistake": card.mistake, "steps": list(card.steps[:3])}


def taken(folder: Path) -> list[dict[str, str]]:
    """The answers of a folder, with what is wrong with each."""
    mistakes = json.loads((folder / "mistakes.json").read_text("utf-8"))
    places = {each.id: place for place, each in enumerate(EXERCISES)}
    names = sorted(mistakes, key=lambda name: (places[name.partition("/")[0]], name))
    return [
        {"name": name, "is": mistakes[name], "answer": (folder / f"{name}.py").read_text("utf-8")} for name in names
    ]


def reading(row: dict[str, Any], when: str, read: dict[str, Any]) -> str:
    """How the name was read; "not read" if the card says something else than what was read."""
    if row[when]["mistake"] == "unknown":
        return "no name"
    found = read.get(row["name"], {})
    return str(found["reading"]) if found.get("said") == row[when]["steps"][1] else "not read"


def table() -> str:
    """Return how many answers of each exercise were reported and named, at first and now, from the committed record."""
    rows = STUDY.read_json(RECORD, "take it from the repository again")["rows"]
    read = json.loads(READINGS.read_text("utf-8"))
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for place in (row["name"].partition("/")[0], "all"):
            count = counts.setdefault(place, Counter())
            count["answers"] += 1
            for when in ("first", "now"):
                if row[when]["status"] != "right":
                    count[f"{when} reported"] += 1
                    count[f"{when} {reading(row, when, read[when])}"] += 1
    counts["all"] = counts.pop("all")
    columns = [f"{when} {kind}" for when in ("first", "now") for kind in ("reported", *KINDS)]
    heads = ["exercise", "answers", *(f"{each.partition(' ')[0]}: {each.partition(' ')[2]}" for each in columns)]
    return markdown(heads, [[place, *(str(n[each]) for each in ("answers", *columns))] for place, n in counts.items()])


def to_read(rows: list[dict[str, Any]]) -> str:
    """Return what was said of each answer beside what is wrong with it."""
    cells = [
        [row["name"], row["is"], row["now"]["status"], row["now"]["mistake"], *(row["now"]["steps"] or [""] * 3)]
        for row in rows
    ]
    cells = [[" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in cells]
    heads = ("answer", "what is wrong with it", "status", "name", "where", "what kind", "which term")
    return markdown(heads, cells).replace("---:", "---") + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--read", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    rows = taken(arguments.folder) if arguments.folder else STUDY.read_json(RECORD, "give a folder")["rows"]
    if arguments.read:
        write_atomically(arguments.read, to_read(rows).encode())
        return
    with ThreadPoolExecutor(arguments.jobs) as pool:
        found = list(pool.map(lambda row: said(row["name"], row["answer"]), rows))
    rows = [row | {"first": row.get("first", now), "now": now} for row, now in zip(rows, found, strict=True)]
    STUDY.write_json(RECORD, {"rows": rows} | circumstances())


if __name__ == "__main__":
    main()
