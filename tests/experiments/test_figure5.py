"""The convnet's error against the proportion learned: recipes, a small run, what is drawn."""

import numpy as np
import pytest

from pp_ref.data import Dataset, Split
from pp_ref.errors import DeviceError, DomainError
from pp_ref.experiments import convnet_inputs, figure5
from pp_ref.experiments.figure5 import PROFILES, recipes
from pp_ref.experiments.run_store import RunStore
from pp_ref.training import Interrupted
from tests.experiments.stored import stored


@pytest.fixture
def tiny(monkeypatch):
    """Twelve images of noise, two epochs: recipes of a quarter learned and of all."""
    rng = np.random.default_rng(0)
    split = Split(rng.random((12, 784), np.float32), rng.integers(0, 10, 12))
    monkeypatch.setattr(convnet_inputs, "load_digits", lambda: Dataset("noise", split, split, "drawn", "none"))
    made = recipes(PROFILES["demo"])[:2]
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
    assert figure5.demo(records).startswith("noise: 12 learned from, 1,000 test images, one seed. A difference of ")
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


def test_validation_images_take_the_place_of_the_test_images(tiny, tmp_path):
    recipe = tiny[0] | {"images": 8, "validation": {"images": 4}, "preprocessing": "mean", "backend": "auto"}
    record = figure5.run(recipe, RunStore(tmp_path), lambda said: None)
    assert record["data"]["name"] == "noise, 4 held out"
    assert record["validation_error"] in {0, 0.25, 0.5, 0.75, 1}
    assert "test_error" not in record
    assert "test_error" not in record["history"][0]
    assert record["summary"].startswith(f"validation error {record['validation_error']:.2%}, all epochs are done, ")


def test_a_small_start_and_weight_decay_are_settings_of_both_nets(tiny, tmp_path):
    """Without a step, the filters are an eighth of He's start; with decay, their norm falls."""
    for recipe in tiny:
        kept = recipe | {"training": recipe["training"] | {"epochs": 0}}
        usual, small = (
            figure5.run(kept | also, RunStore(tmp_path), lambda said: None)["arrays"]["filters"].astype(float)
            for also in ({}, {"start": 0.125})
        )
        np.testing.assert_allclose(small, usual / 8, rtol=2**-10, atol=2**-24)  # float16
        free, decayed = (
            figure5.run(recipe | also, RunStore(tmp_path), lambda said: None)["arrays"]["filters"]
            for also in ({}, {"weight_decay": 1.0})
        )
        assert np.linalg.norm(decayed.astype(float)) < np.linalg.norm(free.astype(float))


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


@pytest.mark.parametrize(
    ("differences", "outcome"),
    [((0.002, 0.003, 0.004), "Borne out"), ((0.02, 0.021, 0.022), "Not borne out"), ((0.0, 0.005, 0.02), "Undecided")],
)
def test_verdicts_come_out_in_every_way(differences, outcome):
    def record(label, p, seed, error):
        return {"recipe": {"label": label, "proportion": p, "seed": seed, "data": "cifar10"}, "test_error": error}

    full = (0.25, 0.26, 0.27)
    records = [record("convnet", 1.0, seed, error) for seed, error in enumerate(full)]
    records += [record("SE", 0.25, seed, full[seed] + by) for seed, by in enumerate(differences)]
    said = figure5.verdict([*records, record("SE", 0.5, 0, 0.26)])
    assert said.startswith(f"**{outcome}**. Against the full net, the error changes by +1.00 points (one pair: no ")
    assert said.endswith(", 3 pairs) at 25%.")
