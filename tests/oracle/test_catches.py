"""The table of catches: every file is in it, its page is its record, and a row is what a run gives."""

import ast
import re
import subprocess
from subprocess import CompletedProcess

import pytest

from benchmarks.oracle.catch_table import DOCUMENTED, FOLDER, PAGE, RECORD, WANTED, files, judged, operations, page
from pp_ref.records import STUDY

ROWS = {row["name"]: row for row in STUDY.read_json(RECORD, "take it from the repository again")["rows"]}


def test_every_file_is_in_the_table_and_in_the_record():
    assert files().keys() == WANTED.keys()
    assert list(ROWS) == list(WANTED)
    assert DOCUMENTED.keys() <= WANTED.keys()
    for wanted in WANTED.values():
        re.compile(wanted.named or "")


@pytest.mark.parametrize("name", files())
def test_a_file_says_what_it_does_in_its_first_line(name):
    does = ast.get_docstring(ast.parse(files()[name].read_text()))
    assert does == ROWS[name]["does"]
    assert does.endswith((".", ")"))
    assert "\n" not in does
    assert operations(files()[name]) == ROWS[name]["operations"] != []


def test_the_page_is_what_the_record_says():
    assert PAGE.read_text() == page(STUDY.read_json(RECORD, "take it from the repository again"))


def test_a_row_is_what_a_run_gives():
    row = judged("log_of_cosh")
    assert row["as_wanted"]
    assert (row["exit_code"], row["named"]) == (1, True)


def test_no_file_is_of_a_folder_of_this_machine():
    assert str(FOLDER.parent) not in RECORD.read_text()


def test_a_run_without_a_report_is_no_row(monkeypatch):
    failed = CompletedProcess([], 1, stdout="", stderr="no module")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **settings: failed)
    with pytest.raises(RuntimeError, match="^kept_by_id has no report, and the exit code is 1: no module$"):
        judged("kept_by_id")
