"""RICA as a classifier: recipes, small runs on one data set and on ten folds, what both halves draw."""

import numpy as np
import pytest

from pp_ref.data import Dataset, Split
from pp_ref.data.dataset import Images
from pp_ref.data.stl10 import STL10
from pp_ref.errors import DomainError
from pp_ref.experiments import figure6, figure6_left, figure6_right
from pp_ref.experiments.run_store import RunStore
from tests.experiments.stored import stored

HALVES = pytest.mark.parametrize("half", [figure6_left, figure6_right], ids=["left", "right"])


def shrunk(recipe):
    """A few patches, a few iterations, a few features."""
    return recipe | {"patches": 300, "iterations": 5, "features": 4, "images": 40}


@pytest.fixture
def digits(monkeypatch):
    """Sixty images of noise whose upper half is brighter in class 1 than in class 0."""
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 28, 28), np.float32), np.arange(60) % 2
    x[y == 1, :14] *= 0.2
    split = Split(x.reshape(60, 784), y)
    monkeypatch.setattr(figure6, "load_digits", lambda: Dataset("noise", split, split, "drawn", "none"))


@pytest.fixture
def stl10(monkeypatch):
    """STL-10's layout with forty training images, in two folds."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (40, 96, 96, 3), np.uint8), np.arange(40) % 2
    split = Split(x, y)
    folds = np.array([np.arange(30), np.arange(10, 40)])
    monkeypatch.setattr(figure6, "load_stl10", lambda: STL10(Dataset("stl10", split, split, "drawn", "none"), folds))
    monkeypatch.setattr(figure6, "load_stl10_unlabelled", lambda: Images("stl10-unlabelled", x, "drawn", "none"))


def test_the_standard_profiles_are_what_the_figure_needs():
    left = figure6_left.recipes(figure6_left.PROFILES["standard"])
    runs = [(recipe["proportion"], recipe["seed"]) for recipe in left]
    assert {p for p, _ in runs} == {0.1, 0.25, 0.5, 0.75, 1.0}
    assert {(p, seed) for p in (0.5, 1.0) for seed in range(3)} <= set(runs)
    assert {recipe["features"] for recipe in left} == {200}
    assert {recipe["images"] for recipe in left} == {20_000}
    right = figure6_right.recipes(figure6_right.PROFILES["standard"])
    sizes = [(recipe["proportion"], recipe["features"]) for recipe in right]
    assert len(sizes) >= 6
    for (p, m), (half, twice) in zip(sizes[::2], sizes[1::2], strict=True):
        assert (p, half, twice) == (1.0, 0.5, 2 * m)


def test_the_halves_share_runs():
    left, right = (half.recipes(half.PROFILES["standard"]) for half in (figure6_left, figure6_right))
    assert [recipe for recipe in left if recipe in right]


@HALVES
def test_runs_and_what_is_drawn_from_them(half, digits, tmp_path):
    made = [shrunk(recipe) for recipe in half.recipes(half.PROFILES["demo"])]
    made[0]["Cs"] = [1.0, 10.0]
    reports: list[str] = []
    records = [figure6.run(recipe, RunStore(tmp_path), reports.append) for recipe in made]
    assert len(reports) <= sum(map(half.epochs, made))
    records = stored(records, tmp_path)
    full = records[0]
    assert full["counts"]["1"]["dynamic"] == 36 * 4
    assert full["accuracy"] == full["accuracies"][0] > 0.9
    assert set(full["classifiers"][0]["held_out_accuracy"]) == {"1.0", "10.0"}
    assert half.table(records).row_count == len(figure6.points(records))
    assert "noise" in half.figure(records).axes[0].get_title()


def test_ten_folds_give_an_interval(stl10, tmp_path):
    (recipe, *_) = figure6_left.recipes(figure6_left.PROFILES["demo"], "stl10")
    record = figure6.run(shrunk(recipe) | {"Cs": [1.0]}, RunStore(tmp_path), lambda said: None)
    assert recipe["data"] == "stl10"
    assert len(record["accuracies"]) == 2
    (point,) = figure6.points([record])
    assert point.accuracy == pytest.approx(np.mean(record["accuracies"]))
    a, b = record["accuracies"]
    # Student's t of one degree of freedom is 6.314 at 90 %; s / sqrt(2) is half of the difference.
    assert point.high - point.accuracy == pytest.approx(6.3138 * abs(a - b) / 2, rel=1e-4)


def test_more_images_than_there_are(digits, tmp_path):
    (recipe, *_) = figure6_left.recipes(figure6_left.PROFILES["demo"])
    with pytest.raises(DomainError, match="^images is 61, but noise has 60 to learn from: ask for fewer$"):
        figure6.run(shrunk(recipe) | {"images": 61}, RunStore(tmp_path), lambda said: None)


def test_stl10_is_reduced_by_means(monkeypatch):
    monkeypatch.setattr(figure6, "REDUCED", 2)
    x = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), np.uint8)
    want = x.reshape(3, 32, 3, 32, 3, 3).astype(float).mean(axis=(2, 4))
    got = figure6._reduced(x)
    assert got.shape == (3, 32, 32, 3)
    assert np.max(np.abs(got - want)) <= 9 * 255 * np.finfo(np.float32).eps  # a sum of nine numbers, and a division


def record(seed, accuracy, features=8, proportion=0.5):
    recipe = {"features": features, "proportion": proportion, "seed": seed}
    return {"recipe": recipe, "accuracy": accuracy, "accuracies": [accuracy], "counts": {"1": {"dynamic": 7}}}


def test_chance():
    """Two accuracies of 0.5 on 10,000 images: twice sqrt(2 / 4 / 10,000)."""
    assert figure6.chance(0.5, 0.5) == pytest.approx(2 * 0.5**0.5 / 100)


def test_verdicts_of_the_left_half_come_out_either_way():
    def verdict(accuracies):
        return figure6_left.verdict([record(0, accuracy, proportion=p) for p, accuracy in accuracies.items()])

    assert verdict({1.0: 0.6, 0.75: 0.6, 0.5: 0.599, 0.25: 0.5}) == (
        "**Borne out** down to 50% learned. Against 60.0% with everything learned: +0.0 points at 75%, -0.1 points at "
        "50%, -10.0 points at 25%; chance explains 1.4."
    )
    assert verdict({1.0: 0.6, 0.75: 0.6, 0.5: 0.5}).startswith("**Not borne out**.")


def test_verdicts_of_the_right_half_come_out_either_way():
    def verdict(pairs):
        records = [
            record(0, accuracy, features, p)
            for m, found in pairs.items()
            for accuracy, features, p in zip(found, (m, 2 * m), (1.0, 0.5), strict=True)
        ]
        return figure6_right.verdict(records)

    assert verdict({50: (0.5, 0.55), 100: (0.6, 0.65)}) == (
        "**Borne out**: +5.0 points for 50 against 100 features, +5.0 points for 100 against 200 features; chance "
        "explains 1.4."
    )
    assert verdict({50: (0.5, 0.55), 100: (0.6, 0.61)}).startswith("**Borne out for some sizes**:")
    assert verdict({50: (0.5, 0.51)}).startswith("**Not borne out**:")


def test_spread_over_seeds():
    (point,) = figure6.points([record(0, 0.5), record(1, 0.75)])
    assert point == figure6.Point(8, 0.5, 7, 0.625, 0.5, 0.75, 2)
    x, y, lengths = figure6.bars([point])
    assert (x, y) == ([7], [0.625])
    np.testing.assert_array_equal(lengths, [[0.125], [0.125]])
