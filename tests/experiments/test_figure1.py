"""Features of an MLP, predicted from a few of their weights."""

import json

import numpy as np
import pytest

from pp_ref.data import Dataset, Split
from pp_ref.experiments import figure1, figure4_left
from pp_ref.experiments.figure4_left import PROFILES
from pp_ref.experiments.run_store import RunStore


@pytest.fixture
def record(monkeypatch, tmp_path):
    """A run on 60 digits of noise, one epoch of everything."""
    rng = np.random.default_rng(0)
    split = Split(rng.random((60, 784), np.float32), rng.integers(0, 10, 60))
    monkeypatch.setitem(figure4_left.DATA, "digits", lambda: Dataset("noise", split, split, "drawn", "none"))
    (recipe,) = figure1.recipes(PROFILES["demo"])
    recipe["pretraining"]["epochs"] = recipe["fine_tuning"]["epochs"] = 1
    recipe["hidden"] = [20, 20]
    return figure1.run(recipe, RunStore(tmp_path), lambda said: None)


def test_one_run_a_profile():
    for profile in PROFILES.values():
        (recipe,) = figure1.recipes(profile)
        assert recipe["label"] == "nokernel"
        assert recipe["weight_decay"] == 5e-5


def test_record_and_what_is_drawn_from_it(record, tmp_path):
    again = json.loads(json.dumps(record, allow_nan=False))
    shown = again["shown"]
    features, predicted, alpha = (np.array(shown[name]) for name in ("features", "predicted", "alpha"))
    assert features.shape == predicted.shape == (784, 4)
    assert alpha.size == 196
    assert figure1.table([again]).row_count == 15
    assert len(figure1.figure([again]).axes) == 4
    for name, draws in again["recipe"]["reconstructions"].items():
        assert [len(row) for row in again["errors"][name]] == [draws] * 5


def test_kept_weights_are_reproduced_and_randcon_loses_the_others(record):
    """W of a net at its random start is white: RandCon's error is the share it drops, and nothing can be smaller
    than zero or, for a projection, than the rest of the norm."""
    W = np.random.default_rng(1).standard_normal((784, 30))
    rng = np.random.default_rng(2)
    dictionary, predicted = figure1._reconstruct("RandCon", W, 0.25, rng, W.T)
    kept = np.isin(np.arange(784), dictionary.alpha[0])
    np.testing.assert_array_equal(predicted[kept], W[kept])
    assert not predicted[~kept].any()
    assert figure1._relative_error(W, predicted) == pytest.approx(np.sum(W[~kept] ** 2) / np.sum(W**2), rel=1e-12)


def test_pca_sees_all_of_what_lies_in_its_span():
    x = np.random.default_rng(0).standard_normal((50, 784))
    _, predicted = figure1._reconstruct("PCA", x[:20].T - x.mean(0)[:, None], 0.1, np.random.default_rng(0), x)
    error = figure1._relative_error(x[:20].T - x.mean(0)[:, None], predicted)
    assert error < 1e-20  # 50 centred rows span 49 of the 78 components
