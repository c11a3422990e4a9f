"""Lessons as pages that are complete without network: the notebooks' own outputs, without what needs a program."""

from collections.abc import Sequence
from html import escape
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

from pp_ref.errors import DomainError
from pp_ref.files import write_atomically
from pp_ref.lessons.exercises import LESSONS

__all__ = ["export_pages", "page"]

VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
DROPPED = "pp-last"  # what was said of a learner's own answer
STYLE = """
body { max-width: 52em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 sans-serif; }
pre { background: #f6f8fa; padding: 0.8em; white-space: pre-wrap; overflow-wrap: anywhere; } img { max-width: 100%; }
.pp-task { display: block !important; } .paragraph { display: block; margin: 1em 0; }
table, .pp-card, img { break-inside: avoid; }
"""


class _Paper(HTMLParser):
    """Keeps what paper can show: no elements of marimo's, no scripts, no cards of a learner; stubs are shown."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.kept: list[str] = []
        self.depth = 0  # inside what is dropped

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self.depth or tag.startswith("marimo-") or tag == "script" or given.get("class") == DROPPED:
            self.depth += tag not in VOID
            return
        given.pop("hidden", None)
        said = "".join(f' {name}="{escape(value or "")}"' for name, value in given.items())
        self.kept.append(f"<{tag}{said}>")

    def handle_endtag(self, tag: str) -> None:
        if self.depth:
            self.depth -= tag not in VOID
        elif tag not in VOID:
            self.kept.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self.depth:
            self.kept.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")


def page(number: int) -> str:
    """The page of a lesson: its notebook is run."""
    from marimo import as_html

    title, _ = LESSONS[number - 1]
    app = import_module(f"pp_ref.lessons.notebooks.lesson{number:02}").app
    outputs, _ = app.run()
    paper = _Paper()
    paper.feed("\n".join(as_html(each).text for each in outputs if each is not None))
    around = [n for n in (number - 1, number + 1) if 1 <= n <= len(LESSONS)]
    links = " · ".join(f'<a href="lesson{n:02}.html">{n}. {escape(LESSONS[n - 1][0])}</a>' for n in around)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{number}. {escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<p><code>pp-ref lesson {number}</code> opens it: pictures move under sliders, and answers are judged.</p>"
        f"{''.join(paper.kept)}<hr><p>{links}</p></body></html>\n"
    )


def export_pages(folder: Path, only: int | None = None) -> list[Path]:
    """Write the page of every lesson, or of one, into a folder. Return their paths.

    raises  DomainError for a lesson that there is not
    """
    if only is not None and not 1 <= only <= len(LESSONS):
        raise DomainError(f"only is {only}, expected a lesson from 1 to {len(LESSONS)}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in [only] if only else range(1, len(LESSONS) + 1):
        paths.append(folder / f"lesson{number:02}.html")
        write_atomically(paths[-1], page(number).encode())
    return paths
