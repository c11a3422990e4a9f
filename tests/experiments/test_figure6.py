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
    assert half.demo(records).startswith("noise: 40 learned from, 1,000 test images, one seed.")
    assert ("Against RICA with everything learned:" in half.demo(records)) == (half is figure6_left)
    assert "one seed" in half.figure(records).axes[0].get_ylabel()
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
    recipe = {"features": features, "proportion": proportion, "seed": seed, "data": "cifar10"}
    return {"recipe": recipe, "accuracy": accuracy, "accuracies": [accuracy], "counts": {"1": {"dynamic": 7}}}


def records_of(differences):
    """Three seeds of 400 features in full, and as many with differences of the error, by (features, proportion)."""
    full = (0.6, 0.61, 0.62)
    made = [record(seed, accuracy, 400, 1.0) for seed, accuracy in enumerate(full)]
    for (features, p), found in differences.items():
        made += [record(seed, full[seed] - by, features, p) for seed, by in enumerate(found)]
    return made


NONE, MUCH, WIDE = (0.002, 0.003, 0.004), (0.02, 0.021, 0.022), (0.0, 0.005, 0.02)
LESS = (-0.002, -0.003, -0.004)


@pytest.mark.parametrize(
    ("half", "quarter", "tenth", "outcome"),
    [
        (NONE, NONE, MUCH, "Borne out"),
        (MUCH, MUCH, NONE, "Borne out"),  # one proportion is enough
        (NONE, WIDE, MUCH, "Undecided"),  # a half is not more than half
        (NONE, MUCH, MUCH, "Not borne out"),
    ],
)
def test_verdicts_of_the_left_half_come_out_in_every_way(half, quarter, tenth, outcome):
    said = figure6_left.verdict(records_of({(400, 0.5): half, (400, 0.25): quarter, (400, 0.1): tenth}))
    assert said.startswith(f"**{outcome}**. Against RICA with everything learned, the error changes by +")
    assert said.endswith(", 3 pairs) at 10%.")


def test_verdict_of_the_left_half_by_hand():
    """Differences of 0.2, 0.3 and 0.4 points: s = 0.1, and half the interval 4.303 * 0.1 / sqrt(3) = 0.25."""
    assert figure6_left.verdict(records_of({(400, 0.25): NONE})) == (
        "**Borne out**. Against RICA with everything learned, the error changes by +0.30 points (95 % interval +0.05 "
        "to +0.55, 3 pairs) at 25%."
    )


@pytest.mark.parametrize(("gain", "outcome"), [(LESS, "Borne out"), (WIDE, "Undecided"), (MUCH, "Not borne out")])
def test_verdicts_of_the_right_half_come_out_in_every_way(gain, outcome):
    said = figure6_right.verdict(records_of({(800, 0.5): gain}))
    assert said.startswith(f"**{outcome}**. The error changes by ")
    assert said.endswith(", 3 pairs) for 400 against 800 features.")


def test_the_demo_of_the_right_half_compares_equal_dynamic_parameters():
    records = [each | {"data": {"name": "cifar10"}} for each in records_of({(800, 0.5): LESS})]
    said = figure6_right.demo(records)
    assert said.startswith(
        "CIFAR-10: 50,000 learned from, 10,000 test images, 3 seeds. A difference of less than 1.4 points"
    )
    assert said.endswith("Against RICA with as many dynamic parameters: Within chance: 800 features of RICA-50%.")


def test_one_size_without_a_gain_decides_the_right_half():
    more = [record(seed, 0.5, 200, 1.0) for seed in range(3)] + [record(seed, 0.49, 400, 0.5) for seed in range(3)]
    assert figure6_right.verdict(records_of({(800, 0.5): LESS}) + more).startswith("**Not borne out**")


def test_runs_at_full_strength():
    left = figure6_left.recipes(figure6_left.RESULT)
    assert {(recipe["proportion"], recipe["seed"]) for recipe in left} == {
        (p, seed) for p in (1.0, 0.5, 0.25, 0.1) for seed in range(3)
    }
    assert {recipe["features"] for recipe in left} == {400}
    right = figure6_right.recipes(figure6_right.RESULT)
    sizes = {(recipe["proportion"], recipe["features"]) for recipe in right}
    assert sizes == {(p, m) for size in (100, 200, 400) for p, m in ((1.0, size), (0.5, 2 * size))}
    assert len(right) == 18
    assert len([recipe for recipe in left if recipe in right]) == 6
    for recipe in left + right + figure6_right.recipes(figure6_right.LARGER):
        assert recipe["images"] == 50_000
        assert recipe["patches"] >= 200_000
        assert (recipe["backend"], recipe["rates"], recipe["solver"]) == ("auto", "default", "lbfgs")


def test_both_solvers_give_the_same_accuracy(digits, tmp_path):
    (recipe, *_) = figure6_left.recipes(figure6_left.PROFILES["demo"])
    plain, other = (
        figure6.run(shrunk(recipe) | also, RunStore(tmp_path), lambda said: None) for also in ({}, {"solver": "lbfgs"})
    )
    assert plain["accuracy"] == other["accuracy"]
    assert other["classifiers"][0]["converged"]


def test_spread_over_seeds():
    (point,) = figure6.points([record(0, 0.5), record(1, 0.75)])
    assert point == figure6.Point(8, 0.5, 7, 0.625, 0.5, 0.75, 2)
    x, y, lengths = figure6.bars([point])
    assert (x, y) == ([7], [0.625])
    np.testing.assert_array_equal(lengths, [[0.125], [0.125]])
