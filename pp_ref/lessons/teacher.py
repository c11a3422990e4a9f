"""The teacher's page: which mistakes learners make, how often, in which exercise, and where none was named."""

from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from pp_ref.files import write_atomically
from pp_ref.lessons.exercises import EXERCISES
from pp_ref.lessons.progress import records_in

__all__ = ["summary", "teacher_page", "write_page"]

NAMELESS = ("unknown", "behaviour", "import", "shape")  # what is no mistake in a formula
STYLE = """
body { max-width: 60em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 sans-serif; }
table { border-collapse: collapse; } td, th { border: 1px solid #d0d7de; padding: 0.2em 0.6em; text-align: left; }
td.n { text-align: right; } .undiagnosed { background: #fff1e5; }
"""


def summary(learners: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Of each exercise that was tried: learners whose answer agrees, mistakes with their numbers, and those unnamed."""
    found = {}
    for each in EXERCISES:
        cards = [card for own in learners.values() for card in own if card["exercise"] == each.id]
        if not cards:
            continue
        statuses = Counter(card["status"] for card in cards)
        wrong = [card["mistake"] for card in cards if card["status"] == "wrong"]
        found[each.id] = {
            "title": each.title,
            "answers": len(cards),
            "agree": statuses["right"],
            "mistakes": Counter(name for name in wrong if name not in NAMELESS),
            "undiagnosed": sum(name in NAMELESS for name in wrong),
        }
    return found


def teacher_page(learners: dict[str, list[dict[str, Any]]]) -> str:
    """The page, in HTML."""
    rows = []
    for identity, each in summary(learners).items():
        mistakes = each["mistakes"].most_common()
        said = "<br>".join(f"{count} × {escape(name.removeprefix(identity + '/'))}" for name, count in mistakes)
        mark = ' class="undiagnosed"' if each["undiagnosed"] and not mistakes else ""
        numbers = (each["answers"], each["agree"])
        cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
        rows.append(
            f"<tr{mark}><td>{identity} {escape(each['title'])}</td>{cells}<td>{said}</td>"
            f'<td class="n">{each["undiagnosed"] or ""}</td></tr>'
        )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Answers</title>'
        f"<style>{STYLE}</style></head><body><h1>Answers of {len(learners)} learners</h1>"
        "<p>In a shaded row answers were wrong and no mistake was named: look at these yourself.</p>"
        "<table><tr><th>exercise</th><th>answers</th><th>agree</th><th>mistakes</th><th>not named</th></tr>"
        f"{''.join(rows)}</table></body></html>\n"
    )


def write_page(folder: Path, out: Path) -> None:
    """Write the page of all cards in a folder.

    raises  DataError if there is none
    """
    write_atomically(out, teacher_page(records_in(folder)).encode())
