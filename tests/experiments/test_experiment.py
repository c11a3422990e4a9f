"""The list of figures: each keeps the contract, and every committed record is found as a finished run."""

import json
import pickle
from inspect import signature
from pathlib import Path

import pytest

from pp_ref.experiments.experiment import FIGURES
from pp_ref.experiments.run_store import RunStore

RECORDS = Path(__file__).parents[2] / "benchmarks" / "figures"
EACH = pytest.mark.parametrize("entry", FIGURES, ids=lambda entry: entry.name)


@EACH
def test_a_figure_keeps_the_contract(entry):
    experiment = entry.load()
    assert list(experiment.profiles) == ["demo", "standard", "authors"]
    assert list(signature(experiment.recipes).parameters)[1:] == list(entry.options)
    assert pickle.loads(pickle.dumps(experiment.run)) is experiment.run  # a worker process imports it by name
    for profile in experiment.profiles.values():
        made = experiment.recipes(profile)
        assert json.loads(json.dumps(made)) == made
        assert len({RunStore(Path()).name(recipe) for recipe in made}) == len(made)
        assert all(experiment.epochs(recipe) >= 1 for recipe in made)


@EACH
def test_the_committed_records_are_the_finished_runs_of_the_standard_profile(entry):
    """`sweep` runs a recipe only if the store has no record of it: nothing is run again."""
    experiment, store = entry.load(), RunStore(RECORDS / entry.records)
    made = experiment.recipes(experiment.profiles["standard"])
    found = [store.load(recipe) for recipe in made]
    records = [record for record in found if record]
    assert [record["recipe"] for record in records] == [recipe for recipe, r in zip(made, found, strict=True) if r]
    assert len(records) == len(made)
    assert experiment.table(records).row_count
    for stem, figure in experiment.figures.items():
        assert figure(records).axes
        assert {path.name for path in store.folder.glob(f"{stem}.*")} == {f"{stem}.png", f"{stem}.svg"}


def test_there_is_no_other_committed_record():
    found = {path for entry in FIGURES for path in (RECORDS / entry.records).glob("*")}
    stores = [(RunStore(RECORDS / entry.records), entry.load()) for entry in FIGURES]
    names = {
        store.path(recipe).with_suffix("")
        for store, experiment in stores
        for recipe in experiment.recipes(experiment.profiles["standard"])
    }
    drawn = {store.folder / stem for store, experiment in stores for stem in experiment.figures}
    assert {path.with_suffix("") for path in found} <= names | drawn
