"""Answers and cards that are kept, and the teacher's page."""

import json
import re
from dataclasses import replace

import pytest

from pp_ref.errors import DataError
from pp_ref.lessons import Card, progress
from pp_ref.lessons.judge import exercise
from pp_ref.lessons.teacher import summary, teacher_page, write_page

ASKED = exercise("3.1")
WRONG = Card("3.1", "dense_backward", "wrong", 1, 7, 21, "3.1/dW divided by n", ("a", "b", "c", "d"))


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("PP_REF_LESSONS", str(tmp_path / "answers"))


def test_an_answer_comes_back():
    assert progress.answer(ASKED) == ASKED.begun
    assert progress.save(ASKED, "def dense_backward(): pass # é", WRONG) == 1
    assert progress.answer(ASKED) == "def dense_backward(): pass # é"
    assert progress.record("3.1")["mistake"] == "3.1/dW divided by n"
    assert progress.record("3.2") == {}


def test_failed_tries_are_counted_until_one_is_right():
    assert [progress.save(ASKED, "", WRONG) for _ in range(3)] == [1, 2, 3]
    assert progress.save(ASKED, "", replace(WRONG, status="right")) == 3
    assert progress.save(ASKED, "", WRONG) == 1


@pytest.mark.parametrize("text", [b"", b"{", b"[1", b"\xff", b"[" * 100_000])
def test_a_damaged_record_is_none(text):
    progress.save(ASKED, "", WRONG)
    (progress.folder() / "3.1.json").write_bytes(text)
    assert progress.record("3.1") == {}
    (progress.folder() / "3.1.py").write_bytes(b"\xff")
    assert progress.answer(ASKED) == ASKED.begun


def test_the_folder_is_the_users_own_without_a_variable(monkeypatch, tmp_path):
    monkeypatch.delenv("PP_REF_LESSONS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert progress.folder() == tmp_path / "data" / "pp_ref" / "lessons"


def test_the_teacher_sees_what_is_frequent_and_what_nobody_named(tmp_path):
    place = tmp_path / "cards"
    place.mkdir()
    unknown = replace(WRONG, exercise="4.1", mistake="unknown")
    (place / "ada.json").write_text(json.dumps([WRONG.record(), unknown.record()]))
    (place / "grace.json").write_text(json.dumps(WRONG.record()))
    (place / "alan").mkdir()
    (place / "alan" / "3.1.json").write_text(json.dumps(replace(WRONG, status="right", mistake="").record()))
    (place / "notes.json").write_text("[{}, 3, null]")
    found = summary(progress.records_in(place))
    assert found["3.1"] | {"mistakes": dict(found["3.1"]["mistakes"])} == {
        "title": "Backward through a full layer",
        "answers": 3,
        "agree": 1,
        "mistakes": {"3.1/dW divided by n": 2},
        "undiagnosed": 0,
    }
    assert (found["4.1"]["answers"], found["4.1"]["undiagnosed"]) == (1, 1)
    page = teacher_page(progress.records_in(place))
    assert "Answers of 3 learners" in page
    assert "2 × dW divided by n" in page
    assert re.search('class="undiagnosed"><td>4.1', page)
    write_page(place, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8") == page


def test_a_folder_without_cards_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no cards: expected JSON of `pp-ref lesson check --json`"):
        progress.records_in(tmp_path)
