"""The card: what is said of an answer, the same in the browser, in the terminal and as JSON."""

import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["TRIES", "Card", "Counterexample"]

TRIES = 3  # failed tries after which the repair is shown: the first, and two more
STEPS = ("Where", "What kind", "Which term", "The repair")
Real = NDArray[np.float64]


@dataclass(frozen=True)
class Counterexample:
    """The smallest case that fails.

    case       its id
    arguments  name -> numbers, as nested lists, or a setting
    result     the first wrong result, "dW"
    yours, exact  its numbers; yours is None where there is none of the right shape
    wrong      which entries are outside their bounds
    """

    case: str
    arguments: dict[str, Any]
    result: str
    yours: Any
    exact: Any
    wrong: Any


@dataclass(frozen=True)
class Card:
    """What is said of an answer to one exercise.

    exercise  its id
    function  that was judged
    status    "right", "wrong", "doubtful" (within all bounds, but warned of) or "unfinished" (no such function)
    agree     how many cases agree, of those that were asked
    asked     how many cases were asked
    not_asked  how many cases there are besides, which were not
    mistake   identifier of what is wrong, "3.1/divided by n", or "unknown"; "" where nothing is
    steps     of the ladder: where, what kind, which term, the repair
    smallest  the smallest case that fails
    notes     what else was seen
    """

    exercise: str
    function: str
    status: Literal["right", "wrong", "doubtful", "unfinished"]
    agree: int
    asked: int
    not_asked: int
    mistake: str = ""
    steps: tuple[str, ...] = ()
    smallest: Counterexample | None = None
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> str:
        """The sentence that comes first, which is true of every answer: never that all is well."""
        if self.status == "unfinished":
            return f"There is no function {self.function} yet."
        counted = f"{self.agree} of {self.asked} cases agree; {self.not_asked} others were not asked."
        return counted if self.asked else f"No case was asked, of {self.not_asked} that there are."

    def opened(self, tries: int) -> tuple[str, ...]:
        """The steps of the ladder that may be opened after so many failed tries."""
        return self.steps if tries >= TRIES else self.steps[:-1]

    def record(self, tries: int = 1) -> dict[str, Any]:
        """What JSON holds: for graders, and for the teacher's page."""
        lists = {"steps": list(self.steps), "notes": list(self.notes)}
        return asdict(self) | lists | {"first": self.first, "tries": tries, "step": len(self.opened(tries))}

    def text(self, tries: int = 1) -> str:
        """For a terminal."""
        lines = [f"{self.exercise} {self.function}: {self.first}", *self.notes]
        if self.smallest:
            lines += ["", "The smallest case that fails:"]
            lines += [f"  {name} = {_flat(value)}" for name, value in self.smallest.arguments.items()]
            yours = "no such array" if self.smallest.yours is None else _flat(self.smallest.yours, self.smallest.wrong)
            lines += [f"  your {self.smallest.result} = {yours}"]
            lines += [f"  exact {self.smallest.result} = {_flat(self.smallest.exact, self.smallest.wrong)}", ""]
        opened = self.opened(tries)
        lines += [f"{name}: {step}" for name, step in zip(STEPS, opened, strict=False)]
        if len(opened) < len(self.steps):
            lines.append(_later(tries))
        return "\n".join(lines)

    def html(self, tries: int = 1) -> str:
        """For the browser: two maps, and a ladder of which each step opens inside the one before."""
        colour = {"right": "#1a7f37", "wrong": "#b35900"}.get(self.status, "#57606a")
        parts = [f'<p class="pp-first" style="border-color: {colour}">{html.escape(self.first)}</p>']
        parts += [f"<p>{html.escape(note)}</p>" for note in self.notes]
        if self.smallest:
            parts.append("<p>The smallest case that fails:</p><div class='pp-maps'>")
            parts += [_map(name, value) for name, value in self.smallest.arguments.items()]
            parts.append("</div><div class='pp-maps'>")
            wrong = self.smallest.wrong
            parts.append(_map(f"your {self.smallest.result}", self.smallest.yours, wrong))
            parts.append(_map(f"exact {self.smallest.result}", self.smallest.exact, wrong))
            parts.append("</div>")
        ladder, opened = "", self.opened(tries)
        if len(opened) < len(self.steps):
            ladder = f"<p>{html.escape(_later(tries))}</p>"
        for name, step in reversed([*zip(STEPS, opened, strict=False)]):
            ladder = f"<details><summary>{name}</summary><p>{html.escape(step)}</p>{ladder}</details>"
        kind = ("section", "article")[tries % 2]  # another than the card before: a page leaves open what it can keep
        return f"<{kind} class='pp-card' aria-live='polite'>{STYLE}{''.join([*parts, ladder])}</{kind}>"


STYLE = """<style>
.pp-card { border: 1px solid #d0d7de; border-radius: 6px; padding: 0.6em 1em; max-width: 60em; }
.pp-first { border-left: 5px solid; padding-left: 0.6em; font-weight: 600; }
.pp-maps { display: flex; flex-wrap: wrap; gap: 1.2em; margin: 0.4em 0; overflow-x: auto; }
.pp-maps table { border-collapse: collapse; font-family: monospace; }
.pp-maps caption { text-align: left; font-family: sans-serif; white-space: nowrap; }
.pp-maps td { border: 1px solid #d0d7de; padding: 0.1em 0.5em; text-align: right; }
.pp-maps td.pp-wrong { outline: 3px solid #cf222e; outline-offset: -3px; font-weight: 700; }
.pp-card summary { cursor: pointer; font-weight: 600; margin-top: 0.4em; }
.pp-card details details { margin-left: 0; }
</style>"""


def _later(tries: int) -> str:
    left = TRIES - tries
    return f"The repair is shown after {left} more {'try' if left == 1 else 'tries'}."


def number(x: Any) -> str:
    """A number in a map: whole where it is whole, else with four digits."""
    if not isinstance(x, int | float) or isinstance(x, bool):
        return str(x)
    return str(int(x)) if float(x).is_integer() and abs(x) < 1e15 else f"{x:.4g}"


def _flat(value: Any, wrong: Any = None) -> str:
    """In one line, wrong entries between asterisks."""
    if isinstance(value, list):
        marks = wrong if isinstance(wrong, list) else [wrong] * len(value)
        return f"[{', '.join(_flat(each, mark) for each, mark in zip(value, marks, strict=False))}]"
    return f"*{number(value)}*" if wrong is True else number(value)


def _map(name: str, value: Any, wrong: Any = None) -> str:
    if isinstance(value, list) and any(isinstance(each, list) and _depth(each) > 1 for each in value):
        marks = wrong if isinstance(wrong, list) else [None] * len(value)
        pairs = zip(value, marks, strict=False)
        return "".join(_map(f"{name}[{i}]", each, mark) for i, (each, mark) in enumerate(pairs))
    caption = f"<caption>{html.escape(name)}{_size(value)}</caption>"
    if value is None:
        return f"<table>{caption}<tr><td>no array of this shape</td></tr></table>"
    rows = value if _depth(value) == 2 else [value] if _depth(value) == 1 else [[value]]
    marks = wrong if _depth(wrong) == 2 else [wrong] if _depth(wrong) == 1 else [[wrong]] * len(rows)
    body = "".join(f"<tr>{''.join(_cells(row, mark))}</tr>" for row, mark in zip(rows, marks, strict=False))
    return f"<table>{caption}{body}</table>"


def _cells(row: Sequence[Any], marks: Sequence[Any]) -> list[str]:
    padded = [*marks, *[None] * (len(row) - len(marks))]
    return [
        f"<td{' class=pp-wrong' if mark is True else ''}>{html.escape(number(x))}</td>"
        for x, mark in zip(row, padded, strict=False)
    ]


def _size(value: Any) -> str:
    if not isinstance(value, list):
        return ""
    return f" {np.shape(value)}"


def _depth(value: Any) -> int:
    return 1 + _depth(value[0]) if isinstance(value, list) and value else int(isinstance(value, list))
