"""Learned features, predicted from a few of their weights."""

import numpy as np
import pytest

from pp_ref.data import Dataset, Images, Split
from pp_ref.dictionaries import Grid
from pp_ref.experiments import convnet_inputs, figure1, figure2, figure5, mlp_runs
from pp_ref.experiments.figure1 import PROFILES
from pp_ref.experiments.run_store import RunStore
from tests.experiments.stored import stored


@pytest.fixture
def noise():
    """60 digits of noise."""
    rng = np.random.default_rng(0)
    split = Split(rng.random((60, 784), np.float32), rng.integers(0, 10, 60))
    return lambda: Dataset("noise", split, split, "drawn", "none")


@pytest.fixture
def mlp(monkeypatch, tmp_path, noise):
    """The block of the MLP after one epoch of everything."""
    monkeypatch.setitem(mlp_runs.DATA, "digits", noise)
    recipe = next(recipe for recipe in figure1.recipes(PROFILES["demo"]) if recipe["label"] == "MLP")
    recipe["pretraining"]["epochs"] = recipe["fine_tuning"]["epochs"] = 1
    recipe["hidden"] = [20, 20]
    return figure1.run(recipe, RunStore(tmp_path), lambda said: None)


@pytest.fixture
def convnet(monkeypatch, tmp_path, noise):
    """The block of the convnet after one epoch."""
    monkeypatch.setattr(convnet_inputs, "load_digits", noise)
    (recipe,) = figure1.recipes({"convnet": figure5.PROFILES["demo"]})
    recipe["images"], recipe["training"]["epochs"] = 60, 1
    assert figure1.epochs(recipe) == 1
    return figure1.run(recipe, RunStore(tmp_path), lambda said: None)


@pytest.fixture
def rica(monkeypatch, tmp_path):
    """The block of RICA on an image of colour noise, after a few iterations."""
    x = np.random.default_rng(0).integers(0, 256, (2, 30, 30, 3), np.uint8)
    monkeypatch.setitem(figure2.DATA, "photographs", lambda: Images("noise", x, "drawn", "none"))
    recipe = figure1.recipes(PROFILES["demo"])[-1] | {"patch": 4, "patches": 300, "iterations": 5, "features": 9}
    return figure1.run(recipe, RunStore(tmp_path), lambda said: None)


def test_a_run_a_block():
    for profile in (*PROFILES.values(), figure1.RESULT):
        made = figure1.recipes(profile)
        assert [recipe["label"] for recipe in made] == list(profile)
        assert made[0]["weight_decay"] == pytest.approx(7.5e-4 if made[0]["data"] == "digits" else 5e-5)


def test_records_and_what_is_drawn_from_them(mlp, convnet, rica, tmp_path):
    records = stored([mlp, convnet, rica], tmp_path)
    for record, shape in zip(records, ((28, 28, 1), (8, 8, 1), (4, 4, 3)), strict=True):
        shown, d = record["shown"], shape[0] * shape[1] * shape[2]
        features, predicted, alpha = *record["arrays"].values(), np.array(shown["alpha"])
        assert tuple(shown["shape"]) == shape
        assert features.shape == predicted.shape == (d, 4)
        assert features.dtype == predicted.dtype == np.float32
        assert alpha.size == d // 4
        for name, draws in record["recipe"]["reconstructions"].items():
            assert [len(row) for row in record["errors"][name]] == [draws] * 5
    assert figure1.table(records).row_count == 45
    assert figure1.demo(records).startswith("One net a model, one seed, 5 draws of the kept weights: ")
    assert "*" not in figure1.demo(records)
    titles = [axes.get_title() for axes in figure1.figure(records).axes]
    assert titles[3] == "MLP on MNIST: all 20 features of layer 1"
    assert titles[7] == "Convnet on CIFAR-10: all 48 features of layer 1"
    assert titles[11] == "RICA on photographs: all 9 features of layer 1"


def test_kept_weights_are_reproduced_and_randcon_loses_the_others():
    """W of a net at its random start is white: RandCon's error is the share it drops, and nothing can be smaller
    than zero or, for a projection, than the rest of the norm."""
    W = np.random.default_rng(1).standard_normal((784, 30))
    rng = np.random.default_rng(2)
    dictionary, predicted = figure1._reconstruct("RandCon", W, Grid(28, 28), 0.25, rng, W.T)
    kept = np.isin(np.arange(784), dictionary.alpha[0])
    np.testing.assert_array_equal(predicted[kept], W[kept])
    assert not predicted[~kept].any()
    assert figure1._relative_error(W, predicted) == pytest.approx(np.sum(W[~kept] ** 2) / np.sum(W**2), rel=1e-12)


def test_pca_sees_all_of_what_lies_in_its_span():
    x = np.random.default_rng(0).standard_normal((50, 784))
    W = x[:20].T - x.mean(0)[:, None]
    _, predicted = figure1._reconstruct("PCA", W, Grid(28, 28), 0.1, np.random.default_rng(0), x)
    assert figure1._relative_error(W, predicted) < 1e-20  # 50 centred rows span 49 of the 78 components


def record(label, se, alone):
    """A record with these errors at a quarter of the weights, one a draw of alpha."""
    others = {"SE": (0.9, 0.9, se, 0.4, 0.1), "RandCon": (0.9, 0.9, alone, 0.4, 0.1)}
    errors = {
        name: [[row] * 3 if isinstance(row, float) else list(row) for row in rows] for name, rows in others.items()
    }
    return {"recipe": {"label": label}, "errors": errors, "data": {"name": "mnist"}}


def test_verdict_and_summary():
    alone = (0.7, 0.72, 0.74)  # of which a half is left, or more, or less
    records = [
        record("MLP", (0.1, 0.12, 0.11), alone),
        record("convnet", (0.5, 0.51, 0.52), alone),
        record("RICA-natural", (0.3, 0.4, 0.36), alone),
    ]
    assert figure1.verdict(records) == (
        "**Borne out**, from a quarter of the weights: MLP on MNIST (11% left, 72% without prediction). "
        "**Not borne out**, from a quarter of the weights: Convnet on CIFAR-10 (51% left, 72% without prediction). "
        "**Undecided**, from a quarter of the weights: RICA on natural images (35% left, 72% without prediction)."
    )
    assert figure1.verdict(records[:1]).count("Borne out") == 1
    assert "Not borne out" not in figure1.verdict(records[:1])
    assert figure1.summary(records).splitlines()[2] == "| MLP on MNIST, SE | 90% | 90% | 11% | 40% | 10% |"


def test_at_full_strength_both_inputs_of_the_convnet_are_shown():
    made = {recipe["label"]: recipe for recipe in figure1.recipes(figure1.RESULT)}
    assert [made[label]["preprocessing"] for label in ("convnet-mean", "convnet-zca")] == ["mean", "contrast-zca"]
    inputs = [{**made[label], "preprocessing": "", "label": ""} for label in ("convnet-mean", "convnet-zca")]
    assert inputs[0] == inputs[1]
    assert all(made[label]["contrast"]["centre"] is False for label in ("RICA-natural", "RICA-STL-10"))
