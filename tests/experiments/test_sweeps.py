"""The parts of the sweeps: in their order, within the budget, and the next start goes on.

Run as a program, this module is `pp-ref sweeps` with one part: a small net on digits for the tests to kill.
"""

import json
import os
import sys
from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

from pp_ref.cli import sweeps as command
from pp_ref.cli.commands import app
from pp_ref.errors import DomainError
from pp_ref.experiments import mlp_runs, sweeps
from pp_ref.experiments.figure4_left import PROFILES
from pp_ref.experiments.run_store import RunStore
from pp_ref.experiments.sweep import Sweep
from pp_ref.experiments.sweeps import ORDER, Part, Sweeps, load_part
from pp_ref.machine import cores
from pp_ref.training import Checkpoint
from tests.processes import running, wait_for, wait_for_end
from tests.tree import ROOT


def recipes(*labels):
    return [{"label": label, "proportion": 1.0, "seed": 0} for label in labels]


def run(recipe, store, report):
    """A run that takes an hour, by its record; it leaves a mark."""
    store.folder.mkdir(exist_ok=True)
    with (store.folder / "begun").open("a") as marks:
        marks.write(recipe["label"])
    if recipe["label"] == "f":
        raise ValueError("no such luck")
    report("epoch 1")
    machine = {"blas": {"threads": 2 if recipe["label"] == "t" else 1}}
    return {"recipe": recipe, "summary": "done", "seconds": 3600.0, "machine": machine}


def at_once(run, recipes, store, *, jobs, epochs, check):
    """`sweep` without its processes."""
    failures = []
    for recipe in recipes:
        check(recipe)
        try:
            store.save(run(recipe, store, lambda said: None))
        except ValueError as error:
            failures.append(f"{store.name(recipe)}: {type(error).__name__}: {error}")
    return Sweep([store.load(recipe) for recipe in recipes], failures)


def drawn(records):
    figure = Figure()
    figure.subplots().plot(range(len(records)))
    return figure


def named(records):
    return " and ".join(record["recipe"]["label"] for record in records)


FIRST = Part(
    title="First things",
    folder="one",
    recipes=lambda finished: recipes("a", "b"),
    run=run,
    epochs=lambda recipe: 1,
    seconds=lambda recipe: 1800.0,
    summary=named,
)
# Its only run has the name of what the first part found.
SECOND = replace(
    FIRST,
    title="Second things",
    folder="two",
    recipes=lambda finished: recipes("found" + "".join(record["recipe"]["label"] for record in finished("first"))),
    figures={"second": drawn},
    verdict=lambda records: "**borne out**",
    needs=("first",),
)
# Pretraining is left out; an epoch takes some 50 ms.
DIGITS = mlp_runs.recipe_of(PROFILES["demo"], "nokernel", 1.0, 0)
DIGITS["hidden"], DIGITS["pretraining"]["epochs"], DIGITS["fine_tuning"]["epochs"] = [20, 20], 0, 15
NET = replace(FIRST, recipes=lambda finished: [DIGITS], run=mlp_runs.run, epochs=mlp_runs.epochs)
PARTS = {"first": FIRST, "second": SECOND, "third": replace(FIRST, recipes=lambda finished: recipes("b", "t"))}


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    made = dict(PARTS)
    monkeypatch.setattr("pp_ref.experiments.sweep.sweep", at_once)
    monkeypatch.setattr(sweeps, "ORDER", dict.fromkeys(made, "here"))
    monkeypatch.setattr(command, "ORDER", sweeps.ORDER)
    for module in (sweeps, command):
        monkeypatch.setattr(module, "load_part", made.__getitem__)
    return made


def begun(folder):
    return {marks.parent.name: marks.read_text() for marks in folder.glob("*/begun")}


def test_all_parts_in_their_order(tmp_path):
    made = Sweeps(tmp_path)
    assert made.state("second").waits == ["first"]
    assert made.work(["first", "second", "third"], budget=100) == []
    assert begun(tmp_path) == {"one": "abt", "two": "foundab"}  # the third part shares a run with the first
    assert made.spent() == 3600 * (2 + 1 + 2)  # a run of two threads counts twice
    assert made.work(["first", "second", "third"], budget=100) == []
    assert begun(tmp_path) == {"one": "abt", "two": "foundab"}


def test_a_part_waits_for_what_it_needs(tmp_path):
    made = Sweeps(tmp_path)
    assert made.work(["second"]) == []
    assert begun(tmp_path) == {}
    assert made.text("second") == ""


def test_the_budget_counts_what_is_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "CHUNK", 1)
    made = Sweeps(tmp_path)
    made.work(["first"], budget=0.4)
    assert begun(tmp_path) == {}  # half an hour is guessed for a run
    made.work(["first"], budget=1.9)
    assert begun(tmp_path) == {"one": "a"}  # it took an hour, so that much is expected of the next one
    state = made.state("first")
    assert (len(state.done), len(state.left), state.seconds) == (1, 1, [3600.0])
    made.work(["first"], budget=2.0)
    assert begun(tmp_path) == {"one": "ab"}


def test_a_failure_is_told_and_not_tried_again_in_this_call(tmp_path, parts):
    parts["first"] = replace(FIRST, recipes=lambda finished: recipes("a", "f", "b"))
    made = Sweeps(tmp_path)
    (failure,) = made.work(["first", "second"])
    assert "ValueError: no such luck" in failure
    assert begun(tmp_path) == {"one": "afb"}
    assert made.state("second").waits == ["first"]
    made.work(["first"])
    assert begun(tmp_path) == {"one": "afbf"}


def test_the_text_of_a_part(tmp_path):
    made = Sweeps(tmp_path)
    made.work(["first", "second"])
    assert made.text("first") == "## First things\n\na and b"
    assert made.text("second") == "## Second things\n\n**borne out**\n\nfoundab"


def test_the_command_says_what_is_done_and_what_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "nice", lambda by: 19)
    invoke = CliRunner().invoke
    before = invoke(app, ["sweeps", "--out", str(tmp_path), "--status"])
    assert before.exit_code == 0
    assert "core hours: 0.0 so far, 2.0 left as estimated, 24.0 allowed" in before.output
    assert begun(tmp_path) == {}
    done = invoke(app, ["sweeps", "first", "second", "--out", str(tmp_path)])
    assert done.exit_code == 0
    assert "core hours: 3.0 so far, 0.0 left as estimated" in done.output
    assert {path.name for path in tmp_path.glob("*.*")} == {"first.md", "second.md", "second.png", "second.svg"}
    assert (tmp_path / "second.md").read_text() == "## Second things\n\n**borne out**\n\nfoundab\n"


def test_the_command_fails_after_a_failure(tmp_path, monkeypatch, parts):
    monkeypatch.setattr(os, "nice", lambda by: 19)
    parts["first"] = replace(FIRST, recipes=lambda finished: recipes("f"))
    assert CliRunner().invoke(app, ["sweeps", "first", "--out", str(tmp_path)]).exit_code == 1


def test_the_command_is_killed_and_the_next_start_goes_on_to_the_same_numbers(tmp_path):
    cut, alone = Sweeps(tmp_path / "cut"), RunStore(tmp_path / "alone")
    store = cut.store("first")
    saved = Checkpoint(store.checkpoint(DIGITS, "fine-tuning"), DIGITS | {"phase": "fine-tuning"})
    with running("tests.experiments.test_sweeps", cut.folder) as first:
        wait_for(lambda: saved.path.exists() and len(saved.load().history) > 2, first)
        first.kill()
        wait_for_end(first)
    kept = saved.load().history
    assert store.load(DIGITS) is None
    assert 2 < len(kept) < DIGITS["fine_tuning"]["epochs"]
    with running("tests.experiments.test_sweeps", cut.folder) as again:
        wait_for_end(again, 120)
    assert again.returncode == 0
    with threadpool_limits(cores()):  # as the command's one process has
        want = mlp_runs.run(DIGITS, alone, lambda said: None)
    ended = store.load(DIGITS)
    assert ended["history"][: len(kept)] == kept  # the same seconds too: no epoch was done again
    assert ended["test_error"] == want["test_error"]
    assert [epoch["loss"] for epoch in ended["history"]] == [epoch["loss"] for epoch in want["history"]]


def test_a_part_that_does_not_exist(monkeypatch, tmp_path):
    monkeypatch.undo()
    with pytest.raises(DomainError, match="^part is 'figure9', expected one of figure4-settings, figure4-rates, "):
        load_part("figure9")
    assert isinstance(CliRunner().invoke(app, ["sweeps", "figure9", "--out", str(tmp_path)]).exception, DomainError)


@pytest.mark.parametrize("name", ORDER)
def test_every_part_of_the_paper_keeps_the_contract(name, monkeypatch, tmp_path):
    monkeypatch.undo()
    made, part = Sweeps(tmp_path), load_part(name)
    recipes = made.recipes(name)
    assert json.loads(json.dumps(recipes)) == recipes
    assert len({made.store(name).name(recipe) for recipe in recipes}) == len(recipes) > 0
    assert all(part.epochs(recipe) >= 1 and part.seconds(recipe) > 0 for recipe in recipes)
    assert all(recipe["backend"] in ("auto", "numpy") and recipe["rates"] == "default" for recipe in recipes)
    assert set(part.needs) <= set(list(ORDER)[: list(ORDER).index(name)])  # what is needed comes before


def test_the_committed_records_belong_to_the_sweeps(monkeypatch):
    monkeypatch.undo()
    made = Sweeps(ROOT / "benchmarks" / "sweeps")
    known = {made.store(name).path(recipe) for name in ORDER for recipe in made.recipes(name)}
    assert set(made.folder.glob("*/*.json")) <= known
    for name in ORDER:
        if records := made.finished(name):
            part = load_part(name)
            assert part.summary(records)
            assert all(figure(records).axes for figure in part.figures.values())
            assert part.verdict is None or part.verdict(records)


if __name__ == "__main__":
    sweeps.ORDER = command.ORDER = {"first": "here"}
    sweeps.load_part = command.load_part = {"first": NET}.__getitem__
    app(["sweeps", "--out", sys.argv[1]])
