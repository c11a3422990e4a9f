"""The one style of tables on a terminal."""

from io import StringIO

from rich.console import Console

from pp_ref.tables import plain_pairs, plain_table
from tests.tree import ROOT


def lines(table):
    Console(file=(said := StringIO()), width=80).print(table)
    return [line.rstrip() for line in said.getvalue().splitlines()]


def test_words_are_on_the_left_and_numbers_on_the_right():
    made = plain_table("parts", ("part", "done", "waits for"), ("waits for",))
    made.add_row("figure5", "7", "data")
    made.add_row("figure4-left", "55", "")
    title, _, headings, rule, *rows = lines(made)
    assert title == "parts"
    assert headings == " part          done  waits for"
    assert set(rule.strip()) == {"─"}
    assert rows[:2] == [" figure5          7  data", " figure4-left    55"]


def test_pairs_have_no_headings():
    assert lines(plain_pairs("machine", [("cores", 2)]))[2] == " cores  2"


def test_every_table_has_this_style():
    """That of the oracle's reports is its own: its headings have two lines, and its cells colours."""
    own = {"pp_ref/tables.py", "pp_ref/oracle/reports/terminal.py"}
    found = {str(path.relative_to(ROOT)) for path in (ROOT / "pp_ref").rglob("*.py") if " Table(" in path.read_text()}
    assert found == own
