"""Every notebook runs without a browser, is clean, and gives a page that needs no network."""

import re
import subprocess
import sys

import pytest

from pp_ref.errors import DomainError
from pp_ref.lessons.exercises import LESSONS
from tests.tree import ROOT

pytest.importorskip("marimo", reason="pip install 'pp_ref[lessons]'")

export = pytest.importorskip("pp_ref.lessons.export")
NOTEBOOKS = sorted((ROOT / "pp_ref" / "lessons" / "notebooks").glob("lesson*.py"))


def test_there_is_a_notebook_a_lesson():
    assert [path.stem for path in NOTEBOOKS] == [f"lesson{n:02}" for n in range(1, len(LESSONS) + 1)]


def test_pages_are_exported(tmp_path):
    """By the command, in a process of its own in which every warning is an error; one lesson stands for all."""
    command = [sys.executable, "-W", "error", "-m", "pp_ref", "lesson", "export", str(tmp_path), "--only", "6"]
    subprocess.run(command, check=True, cwd=ROOT)
    assert [path.name for path in tmp_path.iterdir()] == ["lesson06.html"]


def test_marimo_finds_nothing_to_complain_of():
    found = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", *NOTEBOOKS], capture_output=True, text=True
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize("number", range(1, len(LESSONS) + 1))
def test_a_page_is_complete_without_network(number):
    """Run in this process, so that several of them share the work."""
    title, exercises = LESSONS[number - 1]
    page = export.page(number)
    assert f"<title>{number}. " in page
    assert title.replace("'", "&#x27;") in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//|<script|<marimo|@import|url\(""", page)
    for each in exercises:
        assert f"Exercise {each.id}: {each.title}" in page
        assert f"def {each.function}(" in page
    images = re.findall("<img [^>]*>", page)
    assert len(images) >= 2
    assert all(len(re.search('alt="([^"]*)"', image)[1].split()) >= 4 for image in images)
    assert "pp-last" not in page


def test_a_lesson_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(DomainError, match="only is 11, expected a lesson from 1 to 10"):
        export.export_pages(tmp_path, 11)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_a_notebook_shows_every_exercise_of_its_lesson(path):
    number = int(path.stem[-2:])
    text = path.read_text("utf-8")
    assert re.findall(r'task\("(.*?)"\)', text) == [each.id for each in LESSONS[number - 1][1]]
    assert re.findall(r'card\("(.*?)", ', text) == [each.id for each in LESSONS[number - 1][1]]
    assert "mo.ui.slider" in text
