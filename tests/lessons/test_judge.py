"""The judge of the lessons against right answers, popular and vacuous wrong ones, and those that hang or end."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from pp_ref.errors import DataError, DomainError
from pp_ref.lessons import Card, check, check_file, judge
from pp_ref.lessons.card import TRIES
from pp_ref.lessons.exercises import EXERCISES, LESSONS
from pp_ref.lessons.judge import SOLUTIONS, exercise, judged, solutions, wrong_answer
from pp_ref.oracle.candidates.processes import InProcess
from pp_ref.oracle.operations.nested import leaves

BY_ID = pytest.mark.parametrize("asked", EXERCISES, ids=[each.id for each in EXERCISES])


def functions(source):
    """Those of an answer, in this process."""
    found = {}
    exec(compile(source, "answer.py", "exec"), found)
    return found


def right(asked):
    return functions(f"import numpy as np\n{solutions()[asked.function]}\n{asked.given}")


def mapped(change, result):
    if isinstance(result, list | tuple):
        return type(result)(mapped(change, each) for each in result)
    return np.asarray(change(np.asarray(result)))


def card(asked, change):
    """Of the right answer with every number of its results changed."""
    own = right(asked)
    return judged(asked, InProcess(own | {asked.function: lambda *given: mapped(change, own[asked.function](*given))}))


def first_argument(*given):
    """A copy of the input, or of what came first in the cache."""
    return mapped(np.copy, given[0])


# What answers without thought do: each has to be refused, and the words have to be true of it.
VACUOUS = {
    "zeros": (lambda x: 0 * x, r"zero"),
    "sign": (lambda x: -x, r"minus|opposite sign|sign"),
    "twice": (lambda x: 2 * x, r"2 times|[Tt]wice|No mistake that is known"),
    "one more": (lambda x: x + 1, r"plus 1|No mistake that is known"),
    "constant": (lambda x: 0 * x + 7, r"7|constant|same|equal|No mistake that is known"),
}


def test_there_are_enough_exercises():
    assert len(LESSONS) == 10
    assert all(len(exercises) >= 3 for _, exercises in LESSONS)
    assert len({each.function for each in EXERCISES}) == len({each.id for each in EXERCISES}) == len(EXERCISES) >= 25


@BY_ID
def test_the_solution_agrees_in_every_case(asked):
    found = judged(asked, InProcess(right(asked)))
    assert (found.status, found.agree, found.asked) == ("right", len(asked.sizes), len(asked.sizes))
    assert re.fullmatch(r"7 of 7 cases agree; \d+ others were not asked\.", found.first)


@BY_ID
def test_every_popular_mistake_is_refused_and_named(asked):
    assert len(asked.mistakes) + len(VACUOUS) + 1 >= 6
    for each in asked.mistakes:
        found = judged(asked, InProcess(functions(wrong_answer(asked, each.old, each.new) + asked.given)))
        assert found.mistake == f"{asked.id}/{each.name}"
        assert found.steps[1:] == (each.kind, found.steps[2], each.repair)
        assert found.smallest is not None
        assert sum(len(step.split()) for step in found.steps) <= 160


@BY_ID
@pytest.mark.parametrize("name", VACUOUS)
def test_a_vacuous_answer_is_refused_and_what_is_said_is_true(asked, name):
    change, words = VACUOUS[name]
    found = card(asked, change)
    assert found.status == "wrong"
    assert re.search(words, found.steps[1]), found.steps


@BY_ID
def test_a_copy_of_the_input_is_refused(asked):
    found = judged(asked, InProcess(right(asked) | {asked.function: first_argument}))
    assert found.status == "wrong"
    copies = {"7.2/passed on"}  # says that dWhat is returned as it is
    assert found.mistake not in {f"{asked.id}/{each.name}" for each in asked.mistakes} - copies


@BY_ID
def test_the_first_step_counts_what_differs(asked):
    """By hand, from the numbers of the smallest case that fails."""
    found = judged(asked, InProcess(functions(wrong_answer(asked, *_first(asked)) + asked.given)))
    smallest = found.smallest
    assert smallest is not None
    if smallest.yours is not None:
        yours, exact = np.array(smallest.yours), np.array(smallest.exact)
        wrong = ~np.isclose(yours, exact, rtol=1e-9, atol=0)
        assert f"{wrong.sum()} of {wrong.size} entries of {smallest.result} differ" in found.steps[0]
        assert (wrong == np.array(smallest.wrong)).all()
    assert f"in {found.asked - found.agree} of {found.asked} cases" in found.steps[0]


def _first(asked):
    return asked.mistakes[0].old, asked.mistakes[0].new


@BY_ID
def test_the_stub_is_no_answer(asked):
    own = functions(asked.begun)
    assert callable(own[asked.function])
    assert judged(asked, InProcess(own)).status == "wrong"


@BY_ID
def test_the_smallest_cases_can_be_done_on_paper(asked):
    if asked.whole:
        numbers = [leaf for value in asked.case(0).arguments.values() for leaf in leaves(value)]
        arrays = [leaf for leaf in numbers if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"]
        assert all((leaf == np.rint(leaf)).all() and leaf.size <= 6 for leaf in arrays)


def test_two_mistakes_have_no_name_of_one():
    """A wrong diagnosis costs more than none."""
    source = "import numpy as np\ndef product(U, V):\n    return (U @ V)[::-1] * 3 + U[:, :1]"
    found = judged(exercise("1.1"), InProcess(functions(source)))
    assert found.mistake == "unknown"
    assert found.steps[1].startswith("No mistake that is known gives these numbers. The pattern: ")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def product(U, V)\n    return U @ V", r"SyntaxError: expected ':' \(answer.py, line 1\)\)$"),
        ("1 / 0\ndef product(U, V): return U @ V", r"cannot be imported \(ZeroDivisionError: division by zero\)$"),
        ("def product(U, V): return foo", r"raised NameError at line 1: name 'foo' is not defined"),
        ("def product(U): return U", r"product\(U\) is called with \(U, V\)"),
        ("def product(U, V): pass", r"y is a NoneType"),
        ("def product(U, V):\n    U[...] = 0\n    return U @ V", r"y is zero; writes to its argument U"),
    ],
)
def test_answers_that_do_not_answer(source, words):
    """Each in a process of its own."""
    found = check("1.1", source)
    assert (found.status, found.agree) == ("wrong", 0)
    assert re.search(words, found.steps[1])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("while True: pass", "did not return within 2 s"),
        ("while True: print('x' * 1000)", "did not return within 2 s"),
        ("import os; os._exit(3)", "ended its process, exit code 3"),
    ],
)
def test_after_an_answer_that_does_not_return_the_lesson_goes_on(monkeypatch, body, words):
    monkeypatch.setattr(judge, "TIME_LIMIT", 2.0)
    found = check("1.1", f"def product(U, V):\n    {body}")
    assert (found.status, found.agree) == ("wrong", 0)
    assert words in found.steps[1]
    assert check("1.1", SOLUTIONS.read_text()).status == "right"


def test_an_answer_that_asks_pp_ref_is_doubtful():
    source = (
        "def product(U, V):\n    from pp_ref.layers import dense_forward\n    return dense_forward(U, V, 0 * V[0])[0]"
    )
    found = check("1.1", source)
    assert found.status == "doubtful"
    assert "it is pp_ref that is judged here" in found.notes[0]


def test_a_missing_function_is_unfinished():
    found = check("1.1", "def produkt(U, V): return U @ V")
    assert (found.status, found.first) == ("unfinished", "There is no function product yet.")


def test_a_file_is_judged_by_the_functions_that_it_has(tmp_path):
    path = tmp_path / "answers.py"
    path.write_text("gamma = lambda k, u: k * u\ndef ring(latency, bandwidth, size, ranks): return 0 * latency\n")
    assert [(each.exercise, each.mistake) for each in check_file(path)] == [
        ("8.1", "8.1/first order"),
        ("10.2", "zero"),
    ]


@pytest.mark.parametrize("text", [None, "def nothing(): pass", "def broken(", "\0"])
def test_a_file_without_answers_is_refused(tmp_path, text):
    path = tmp_path / "answers.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=r"answers\.py (cannot be read|has none of the functions to write: product, )"):
        check_file(path)


def test_an_unknown_exercise_is_refused():
    with pytest.raises(DomainError, match=r"exercise is '11\.1', expected one of 1\.1, 1\.2, "):
        check("11.1", "")


def test_the_repair_comes_after_two_more_tries():
    asked = exercise("3.1")
    found = judged(asked, InProcess(functions(wrong_answer(asked, *_first(asked)) + asked.given)))
    for tries in range(1, TRIES + 2):
        shown = found.text(tries), found.html(tries)
        assert all((found.steps[3] in each.replace("&#x27;", "'")) == (tries >= TRIES) for each in shown)
        assert found.record(tries)["step"] == 3 + (tries >= TRIES)
    assert "shown after 2 more tries." in found.text(1)
    assert "shown after 1 more try." in found.text(2)
    assert json.loads(json.dumps(found.record())) == found.record()


def test_nobody_is_told_that_all_is_well():
    found = judged(exercise("1.1"), InProcess(right(exercise("1.1"))))
    assert not re.search(
        "all|passed|correct", found.text() + re.sub(r"<style>.*?</style>", "", found.html(), flags=re.S)
    )


def test_text_of_answers_is_escaped():
    found = Card("1.1", "product", "wrong", 0, 1, 0, "unknown", ("<b>", "&", "a", "b"))
    assert "<b>" not in found.html()
    assert "&lt;b&gt;" in replace(found, notes=("<b>",)).html()
