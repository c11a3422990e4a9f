"""A report for eyes: one line an operation, then the most telling case of each that is wrong."""

from collections import Counter
from collections.abc import Callable

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pp_ref.oracle.reports.telling import telling
from pp_ref.oracle.reports.words import (
    Operation,
    details,
    headline,
    operations,
    percent,
    plural,
    printable,
    replay,
    summary,
    verdict,
)
from pp_ref.oracle.verdict.findings import Finding, Report, Status

__all__ = ["print_report"]

STYLES = {
    Status.failed: "bold red",
    Status.unexpected_pass: "bold red",
    Status.suspicious: "yellow",
    Status.not_judged: "yellow",
    Status.left_out: "yellow",
}
CODES = {1: "bold red", 2: "yellow", 3: "yellow"}
COUNTS = {
    Status.failed: "failed",
    Status.suspicious: "suspi-\ncious",
    Status.not_provided: "not\nprovided",
    Status.expected: "expected\nfailure",
}
LISTS: tuple[tuple[Status, str, Callable[[Finding], str]], ...] = (
    (Status.unexpected_pass, "passes, though a failure was announced", lambda case: case.reason),
    (Status.suspicious, "suspicious: within the proven bound, but not likely", headline),
    (Status.left_out, "left out", lambda case: case.reason),
    (Status.expected, "fails as announced", lambda case: f"{case.reason} ({headline(case)})"),
)


def print_report(report: Report, console: Console | None = None) -> None:
    """Print a report. No line is longer than the console is wide, except the commands that replay a case."""
    console = console or Console()
    parts = operations(report)
    provided = [part for part in parts if part.verdict != Status.not_provided]
    if provided:
        console.print(_table(provided))
    if absent := [part.name for part in parts if part.verdict == Status.not_provided]:
        named = f"not provided: {', '.join(absent)}"
        counted = f"not provided: {plural(len(absent), 'operation')} (pp-ref conform --list has all)"
        console.print(Text(printable(named if len(named) <= console.width else counted), overflow="fold"))
    for part in parts:
        if failed := part.having(Status.failed):
            _print_failures(console, report, part, failed)
    for status, title, words in LISTS:
        _print_list(console, report, [case for part in parts for case in part.having(status)], title, words)
    _print_incomplete(console, report, parts)
    console.print()
    console.print(Text(printable(summary(report)), overflow="fold"))
    console.print(Text(verdict(report), CODES.get(report.exit_code, "")))


def _print_incomplete(console: Console, report: Report, parts: list[Operation]) -> None:
    """Of each operation what was not judged, and the first case that was not."""
    incomplete = [(part, words) for part in parts if (words := part.incomplete) is not None]
    if incomplete:
        _print_title(console, "not judged")
    for part, words in incomplete:
        console.print(Padding(Text(printable(f"{part.name}: {words}"), overflow="fold"), (0, 0, 0, 2)))
        if cases := part.having(Status.not_judged):
            _print_command(console, replay(report, cases[0]))


def _table(parts: list[Operation]) -> Table:
    """A count that is zero is blank, and a column of zeros is left out."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    table.add_column("operation", no_wrap=True, max_width=21)
    statuses = [status for status in COUNTS if any(part.having(status) for part in parts)]
    for heading in ["cases", *(COUNTS[status] for status in statuses), "judged", "of\nbound"]:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(" verdict", min_width=15)
    for part in parts:
        table.add_row(
            Text(printable(part.name)),
            f"{len(part.findings):,}",
            *(f"{len(found):,}" if (found := part.having(status)) else "" for status in statuses),
            "" if part.judged is None else percent(part.judged),
            "" if part.share is None else f"{part.share:.2g}",
            Text(f" {part.words}", STYLES.get(part.verdict, "")),
        )
    return table


def _print_failures(console: Console, report: Report, part: Operation, failed: list[Finding]) -> None:
    first = telling(failed)
    others = [case for case in failed if case is not first]
    said = f": {part.diagnosis}" if part.diagnosis else f" in {len(failed):,} of {plural(len(part.findings), 'case')}"
    _print_title(console, f"{part.name} is wrong{said}")  # a diagnosis says in how many cases
    *rows, (_, command) = [row for row in details(report, first) if row != ("wrong", part.diagnosis)]
    grid = Table.grid(padding=(0, 2, 0, 0))
    for heading, words in rows:
        grid.add_row(heading, Text(printable(words), overflow="fold"))
    console.print(Padding(grid, (0, 0, 0, 2)))
    _print_command(console, command)
    if others:
        counts = Counter(case.regime for case in others)
        regimes = ", ".join(regime if number == 1 else f"{regime} ({number})" for regime, number in counts.items())
        console.print(Padding(Text(f"{plural(len(others), 'more case fails', 'more cases fail')}: {regimes}"), (0, 2)))


def _print_list(
    console: Console, report: Report, cases: list[Finding], title: str, words: Callable[[Finding], str]
) -> None:
    """The first case of each operation and reason, and how many more there are."""
    if cases:
        _print_title(console, title)
    alike: dict[tuple[str, str], list[Finding]] = {}
    for case in cases:
        alike.setdefault((case.operation, case.reason), []).append(case)
    for first, *others in alike.values():
        more = f", and {plural(len(others), 'more case')}" if others else ""
        line = Text(printable(f"{first.operation}: {words(first)}{more}"), overflow="fold")
        console.print(Padding(line, (0, 0, 0, 2)))
        _print_command(console, replay(report, first))


def _print_title(console: Console, title: str) -> None:
    console.print()
    console.print(Text(printable(title), "bold", overflow="fold"))


def _print_command(console: Console, command: str) -> None:
    """In one piece, however long: to be copied."""
    console.print(Text(f"  replay: {printable(command)}"), soft_wrap=True)
