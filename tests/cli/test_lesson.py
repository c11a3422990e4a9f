"""`pp-ref lesson`."""

import json

import pytest
from typer.testing import CliRunner

from pp_ref.cli import app
from pp_ref.lessons.judge import SOLUTIONS, solutions

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("PP_REF_LESSONS", str(tmp_path / "answers"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def answers(tmp_path):
    path = tmp_path / "answers.py"
    path.write_text("def product(U, V):\n    return (U @ V).T\n\n\n" + solutions()["gamma"])
    return path


def test_lessons_are_listed_with_progress(tmp_path):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "1.1.json").write_text('{"status": "right"}')
    (tmp_path / "answers" / "1.2.json").write_text('{"status": "wrong"}')
    found = run(app, ["lesson"])
    assert found.exit_code == 0
    assert "Why W = U V, and why fix U" in found.output
    assert "1 of 3" in found.output
    assert str(tmp_path / "answers") in found.output.replace("\n", "")


def test_answers_are_checked(answers):
    found = run(app, ["lesson", "check", str(answers)])
    assert found.exit_code == 1
    assert "What kind: The result is the transpose of W: rows and columns are exchanged." in found.output
    assert "The repair is shown after 2 more tries." in found.output
    assert "8.1 gamma: 7 of 7 cases agree; 0 others were not asked." in found.output
    assert "The repair: Leave out" in run(app, ["lesson", "check", str(answers), "--tries", "3"]).output


def test_cards_come_as_json(answers, tmp_path):
    out = tmp_path / "cards.json"
    printed = run(app, ["lesson", "check", str(answers), "--json", "-"])
    run(app, ["lesson", "check", str(answers), "--json", str(out)])
    assert json.loads(printed.output) == json.loads(out.read_text())
    wrong, right = json.loads(printed.output)
    assert {name: wrong[name] for name in ("exercise", "status", "mistake", "step")} == {
        "exercise": "1.1",
        "status": "wrong",
        "mistake": "1.1/transposed",
        "step": 3,
    }
    assert wrong["smallest"]["case"] == "product/case 0/float64/0"
    assert right["status"] == "right"


@pytest.mark.torture
def test_the_solutions_are_graded_by_the_same_judge():
    found = run(app, ["lesson", "check", str(SOLUTIONS)])
    assert (found.exit_code, found.output.count("7 of 7 cases agree")) == (0, 31)


def test_the_teachers_page(answers, tmp_path):
    folder = tmp_path / "cards"
    folder.mkdir()
    run(app, ["lesson", "check", str(answers), "--json", str(folder / "ada.json")])
    found = run(app, ["lesson", "teacher", str(folder), "--out", str(tmp_path / "page.html")])
    assert found.exit_code == 0
    assert "1 × transposed" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "nowhere.py"], "nowhere.py cannot be read"),
        (["11"], "lesson is 11, expected 1 to 10"),
        (["teacher", "nowhere"], "nowhere has no cards"),
        (["export", "pages", "--only", "0"], "only is 0, expected a lesson from 1 to 10"),
    ],
)
def test_what_is_refused(arguments, words):
    if arguments[0] in ("11", "export"):
        pytest.importorskip("marimo", reason="pip install 'pp_ref[lessons]'")
    found = run(app, ["lesson", *arguments])
    assert found.exit_code == 3
    assert words in found.output


def test_a_misspelled_command_is_named():
    found = run(app, ["lesson", "chek"])
    assert found.exit_code == 2
    assert "check" in found.output
