"""RICA's filters by proportion learned: recipes, a small run, what is drawn."""

import numpy as np
import pytest

from pp_ref.data import Images
from pp_ref.errors import DeviceError, DomainError
from pp_ref.experiments import figure2
from pp_ref.experiments.figure2 import PROFILES, recipes
from pp_ref.experiments.rica_filters import REPORTS, learn_filters
from pp_ref.experiments.run_store import RunStore
from pp_ref.features import COATES
from pp_ref.training import Interrupted
from tests.experiments.stored import stored


@pytest.fixture
def tiny(monkeypatch):
    """Two images of noise, ten iterations of six filters: recipes of everything, half and a fifth learned."""
    x = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 1), np.uint8)
    monkeypatch.setitem(figure2.DATA, "photographs", lambda: Images("noise", x, "drawn", "none"))
    made = recipes(PROFILES["demo"])
    for recipe in made:
        recipe |= {"patch": 5, "patches": 200, "iterations": 10, "features": 6}
    return made


def test_the_standard_profile_is_the_papers_figure():
    made = recipes(PROFILES["standard"])
    assert [recipe["proportion"] for recipe in made] == [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert [recipe["label"] for recipe in made] == ["nokernel", *["SE"] * 9]
    assert {recipe["settings"]["length_scale"] for recipe in made} == {1.0}
    assert {recipe["data"] for recipe in made} == {"natural-images"}


def test_runs_and_what_is_drawn_from_them(tiny, tmp_path):
    said: list[str] = []
    records = [figure2.run(recipe, RunStore(tmp_path), said.append) for recipe in tiny]
    records = stored(records, tmp_path)
    full, half, _ = records
    assert full["counts"]["1"] == {"dynamic": 150, "static": 0, "total": 150}
    assert half["counts"]["1"]["dynamic"] == 6 * 12  # of 25 sites
    assert len(full["history"]) <= 10
    assert len(said) <= 3 * REPORTS == 3 * figure2.epochs(tiny[0])
    assert full["filter_shape"] == [5, 5, 1]
    W = full["arrays"]["filters"]
    assert W.dtype == np.float16
    np.testing.assert_allclose(np.linalg.norm(np.float64(W), axis=0), 1, rtol=2e-3)  # of float16
    assert figure2.summary(records).splitlines()[0] == "| learned | 100% | 50% | 20% |"
    assert figure2.table(records).row_count == 3
    losses = [f"{each['loss']:.2f} with {each['recipe']['proportion']:.0%}" for each in records]
    assert f"is {losses[0]} learned and {losses[2]}. " in figure2.demo(records)
    assert [axes.get_title() for axes in figure2.figure(records).axes] == ["100%", "50%", "20%"]


def test_two_runs_agree(tiny, tmp_path):
    first, again = (figure2.run(tiny[1], RunStore(tmp_path / folder), lambda said: None) for folder in "ab")
    np.testing.assert_array_equal(first["arrays"]["filters"], again["arrays"]["filters"])


def test_an_interrupt_goes_through(tiny, tmp_path):
    def interrupt(said):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        figure2.run(tiny[0], RunStore(tmp_path), interrupt)


def test_fewer_patches_than_numbers_in_one(tiny, tmp_path):
    with pytest.raises(DomainError, match="^patches is 20, expected at least 25, the numbers of a patch"):
        figure2.run(tiny[0] | {"patches": 20}, RunStore(tmp_path), lambda said: None)


def test_constant_images(tiny, tmp_path, monkeypatch):
    grey = Images("grey", np.full((2, 20, 30, 1), 7, np.uint8), "drawn", "none")
    monkeypatch.setitem(figure2.DATA, "photographs", lambda: grey)
    with pytest.raises(DomainError, match="^images are constant in every patch that was drawn, expected some contrast"):
        figure2.run(tiny[0], RunStore(tmp_path), lambda said: None)


def test_it_reports_no_more_than_it_says(tiny, tmp_path):
    said: list[str] = []
    figure2.run(tiny[0] | {"iterations": 19, "ftol": 0.0}, RunStore(tmp_path), said.append)
    assert 5 < len(said) <= REPORTS


def test_without_a_gpu_the_run_says_so(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("pp_ref.machine.gpu_absence", lambda: "the CUDA driver lists no device")
    assert [recipe["device"] for recipe in recipes(PROFILES["demo"], "gpu")] == ["gpu"] * 3
    with pytest.raises(DeviceError, match="^the CUDA driver lists no device: use device cpu$"):
        figure2.run(tiny[0] | {"device": "gpu"}, RunStore(tmp_path), lambda said: None)


def test_a_killed_fit_goes_on_to_the_same_bits(tiny, tmp_path):
    def kill(said):
        if "iteration 3," in said:
            raise KeyboardInterrupt

    recipe, store = tiny[1], RunStore(tmp_path / "killed")
    whole = figure2.run(recipe, RunStore(tmp_path / "whole"), lambda said: None)
    with pytest.raises(Interrupted, match="^stopped by Ctrl-C after 3 of at most 10 iterations; they are beside"):
        figure2.run(recipe, store, kill)
    kept = {path: path.read_bytes() for path in (store.folder / "unfinished").iterdir()}
    assert len(kept) >= 3
    again = figure2.run(recipe, store, lambda said: None)
    assert {path: path.read_bytes() for path in kept} == kept
    assert (again["history"], again["stop"]) == (whole["history"], whole["stop"])
    np.testing.assert_array_equal(again["arrays"]["filters"], whole["arrays"]["filters"])
    store.save(again)
    assert list((store.folder / "unfinished").iterdir()) == []


def test_a_constant_filter_is_free_only_without_the_means(tiny, tmp_path):
    """Whitened patches without their mean do not respond to it: it adds nothing to the loss."""
    images = figure2.DATA["photographs"]().x
    for recipe, free in ((tiny[0], True), (tiny[0] | {"contrast": COATES | {"centre": False}}, False)):
        learned = learn_filters(recipe | {"iterations": 1}, images, RunStore(tmp_path), lambda said: None)
        response = learned.patches @ np.full(25, 0.2)
        assert (np.max(np.abs(response)) < 1e-3) == free
        assert (np.std(response) > 0.5) != free


def test_the_runs_at_full_strength_keep_the_mean_and_name_how_ways_are_chosen():
    made, standard = recipes(figure2.RESULT), recipes(PROFILES["standard"])
    assert [recipe["proportion"] for recipe in made] == [recipe["proportion"] for recipe in standard]
    assert all(recipe["contrast"] == COATES | {"centre": False} for recipe in made)
    assert all((recipe["backend"], recipe["rates"]) == ("auto", "default") for recipe in made)
    assert all(recipe["contrast"] == COATES and "backend" not in recipe for recipe in standard)


@pytest.mark.gpu
def test_a_run_on_a_gpu(tiny, tmp_path):
    ours, theirs = (
        figure2.run(tiny[1] | {"device": device}, RunStore(tmp_path), lambda said: None) for device in ("cpu", "gpu")
    )
    assert theirs["history"][0]["loss"] == pytest.approx(ours["history"][0]["loss"], rel=1e-3)


def test_flat_filters():
    """Squared norms 1; a mean of c takes 4 c^2 of it: all, none, and 1/2 + 1/2."""
    W = np.array([[0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5], [0.5, 0.5, 0.5, 0.5 + 2**-10]]).T
    assert figure2.flat(np.float16(W)) == pytest.approx(2 / 3)
