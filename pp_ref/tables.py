"""The one style of tables on a terminal: no frames, so that they fit into 80 columns."""

from collections.abc import Iterable

from rich import box
from rich.table import Table

__all__ = ["plain_pairs", "plain_table"]


def plain_table(title: str, headings: Iterable[str], words: Iterable[str] = ()) -> Table:
    """An empty table.

    headings  of the columns; the first column is text, the others are numbers
    words     headings of other columns that are text
    """
    made = _table(title)
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="right" if number and heading not in tuple(words) else "left")
    return made


def plain_pairs(title: str, rows: Iterable[tuple[str, object]]) -> Table:
    """A table of names and what belongs to each, without headings."""
    made = _table(title, show_header=False)
    for name, value in rows:
        made.add_row(name, str(value))
    return made


def _table(title: str, show_header: bool = True) -> Table:
    return Table(
        title=title,
        title_justify="left",
        show_header=show_header,
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
