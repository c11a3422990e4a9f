"""The convnet's error against the proportion learned: recipes, a small run, what is drawn."""

import numpy as np
import pytest

from pp_ref.data import Dataset, Split
from pp_ref.errors import DeviceError, DomainError
from pp_ref.experiments import figure5
from pp_ref.experiments.figure5 import PROFILES, recipes
from pp_ref.experiments.run_store import RunStore
from pp_ref.training import Interrupted
from tests.experiments.stored import stored


@pytest.fixture
def tiny(monkeypatch):
    """Twelve images of noise, two epochs: recipes of a quarter learned and of all."""
    rng = np.random.default_rng(0)
    split = Split(rng.random((12, 784), np.float32), rng.integers(0, 10, 12))
    monkeypatch.setattr(figure5, "load_digits", lambda: Dataset("noise", split, split, "drawn", "none"))
    made = recipes(PROFILES["demo"])
    for recipe in made:
        recipe["images"], recipe["training"]["epochs"], recipe["training"]["batch"] = 12, 2, 6
    return made


def test_the_standard_profile_has_every_proportion_and_two_seeds_at_the_ends():
    made = recipes(PROFILES["standard"])
    runs = [(recipe["label"], recipe["proportion"], recipe["seed"]) for recipe in made]
    for label, proportion in (("SE", 0.25), ("convnet", 1.0)):
        assert {(label, proportion, 0), (label, proportion, 1)} <= set(runs)
    assert {proportion for _, proportion, _ in runs} == {0.1, 0.25, 0.5, 0.75, 1.0}
    assert all(recipe["n_columns"] == [1, 1, 1, 5] for recipe in made)
    assert all(recipe["data"] == "cifar10" for recipe in made)


def test_a_run_and_what_is_drawn_from_it(tiny, tmp_path):
    records = [figure5.run(recipe, RunStore(tmp_path), lambda said: None) for recipe in tiny]
    records = stored(records, tmp_path)
    quarter, full = records
    assert [len(record["history"]) for record in records] == [2, 2] == [figure5.epochs(recipe) for recipe in tiny]
    assert full["counts"]["1"] == {"dynamic": 3072, "static": 0, "total": 3072}  # 48 filters 8 x 8 x 1
    assert quarter["counts"]["1"]["dynamic"] == 16 * 48
    assert [layer["weights"] for layer in quarter["dictionaries"]] == ["Predicted"] * 4
    assert len(quarter["dictionaries"][3]["n_alpha"]) == 5
    assert full["arrays"]["filters"].shape == (64, 48)
    assert full["filter_shape"] == [8, 8, 1]
    assert figure5.table(records).row_count == 2
    assert [axes.get_title() for axes in figure5.filters_figure(records).axes] == ["25% learned", "100% learned"]


def test_a_killed_run_comes_to_the_same_bits(tiny, tmp_path):
    def kill(said):
        raise KeyboardInterrupt

    recipe = tiny[0]
    whole = figure5.run(recipe, RunStore(tmp_path / "whole"), lambda said: None)
    with pytest.raises(Interrupted, match="^stopped by Ctrl-C after 1 of 2 epochs"):
        figure5.run(recipe, RunStore(tmp_path / "killed"), kill)
    again = figure5.run(recipe, RunStore(tmp_path / "killed"), lambda said: None)
    np.testing.assert_array_equal(again["arrays"]["filters"], whole["arrays"]["filters"])
    assert [epoch["loss"] for epoch in again["history"]] == [epoch["loss"] for epoch in whole["history"]]


def test_more_images_than_there_are(tiny, tmp_path):
    tiny[0]["images"] = 13
    with pytest.raises(DomainError, match="^images is 13, but noise has 12 to train on: ask for fewer$"):
        figure5.run(tiny[0], RunStore(tmp_path), lambda said: None)


@pytest.mark.needs_data("cifar10")
def test_cifar10_is_normalised_and_whitened_by_the_images_that_are_used(cifar10, monkeypatch):
    monkeypatch.setattr(figure5, "load_cifar10", lambda: cifar10)
    _, x, x_test = figure5._cifar10({"images": 100})
    assert x.shape == (100, 32, 32, 3)
    assert x_test.shape == (10_000, 32, 32, 3)
    # Whitened by themselves, 100 images have mean 0: of 100 float32 numbers below 60, to the rounding of their sum.
    assert np.max(np.abs(x.mean(axis=0))) < 100 * 60 * np.finfo(np.float32).eps


def test_a_device_is_part_of_the_recipe_where_it_is_not_the_processor():
    plain, same, other = (recipes(PROFILES["demo"], *device) for device in ((), ("cpu",), ("gpu",)))
    assert plain == same
    assert [recipe["device"] for recipe in other] == ["gpu"] * len(plain)


def test_without_a_gpu_the_run_says_so(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("pp_ref.machine.gpu_absence", lambda: "the CUDA driver lists no device")
    with pytest.raises(DeviceError, match="^the CUDA driver lists no device: use device cpu$"):
        figure5.run(tiny[0] | {"device": "gpu"}, RunStore(tmp_path), lambda said: None)


@pytest.mark.gpu
def test_a_run_on_a_gpu(tiny, tmp_path):
    """The draws are the processor's, so the first loss is the same to rounding."""
    ours, theirs = (
        figure5.run(tiny[0] | {"device": device}, RunStore(tmp_path / device), lambda said: None)
        for device in ("cpu", "gpu")
    )
    assert theirs["history"][0]["loss"] == pytest.approx(ours["history"][0]["loss"], rel=1e-3)
    assert theirs["machine"]["gpu"]


def test_verdicts_come_out_either_way():
    def records(quarter, full, half=()):
        errors = [("SE", 0.25, quarter), ("SE", 0.5, half), ("convnet", 1.0, full)]
        return [
            {"recipe": {"label": label, "proportion": p, "seed": seed}, "test_error": error}
            for label, p, found in errors
            for seed, error in enumerate(found)
        ]

    assert figure5.verdict(records((0.25, 0.5), (0.25, 0.375))) == (
        "**Borne out** within the spread over seeds; the means differ by +6.25 points."
    )
    assert figure5.verdict(records((0.5, 0.75), (0.25, 0.375), (0.125,))) == (
        "**Not quite borne out** at this size: every net with a quarter learned errs more than every full one; the "
        "means differ by +31.25 points. With 50% learned it errs less than the full net."
    )
