"""The rate of features, and that wrong ones are not timed."""

import pytest

from pp_ref.bench import features
from pp_ref.errors import InaccurateError

SMALL = {"images": 5, "patches": 500}


def test_features():
    record = features.measure(1, **SMALL)
    (row,) = record["measured"][0]["rows"]
    assert row["flops"] == 2 * 5 * 27 * 27 * 109 * 400
    assert record["goals"][0]["reached"] == record["peak_memory_mb"]
    rate = f"{5 / row['min_s']:,.0f} images a second with 1 thread"
    assert f"Features of 5 CIFAR-10 images with 400 filters: {rate}" in features.table(record)


def test_wrong_features_are_not_timed(monkeypatch):
    right = features.extract_features
    monkeypatch.setattr(features, "extract_features", lambda *arguments: 1.001 * right(*arguments))
    with pytest.raises(InaccurateError, match="'extract_features': .* nothing was timed"):
        features.measure(1, **SMALL)
