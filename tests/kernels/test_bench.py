"""The benchmark refuses to time what is wrong, and its records say what stood against what."""

import numpy as np
import pytest

from pp_ref.kernels import bench
from pp_ref.kernels.bench import bench_layer, bench_plan, bench_pooling, lines
from pp_ref.kernels.bounds import largest_share
from pp_ref.kernels.cpu.rungs import LADDERS

SMALL = {"batches": (9,), "proportions": (0.05,)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pooling(dtype):
    record = bench_pooling(1, dtype=dtype, **SMALL)
    names = [row["name"] for row in record["measured"][0]["rows"]]
    assert names[: len(LADDERS["pool"])] == [rung.name for rung in LADDERS["pool"]]
    assert "numpy, side by side" in names
    for block in record["measured"]:
        rows = {row["name"]: row for row in block["rows"]}
        k = 39 * 10
        assert rows["dense"]["flops"] == 2 * 9 * 784 * k
        size = np.dtype(dtype).itemsize
        assert rows["numpy, side by side"]["least_bytes"] == size * (9 * 784 + 784 * k + 9 * k)
        taps = 2 * (7 if dtype == "float32" else 9)
        if block["form"] == "atom":
            assert rows["fused"]["flops"] == 9 * 784 * (4 * taps - 2)
        best = min(
            row["median_s"]
            for row in block["rows"]
            if row["name"] == "dense" or "side" in row["name"] or (row["name"].startswith("torch"))
        )
        assert rows["fused"]["times_best_peer"] == best / rows["fused"]["median_s"]
    assert any("x the best peer" in line for line in lines(record))


def test_layer():
    record = bench_layer(1, **SMALL)
    rows = {row["name"]: row for row in record["measured"][0]["rows"]}
    assert {"dictionary first", "weights first", "separable", "pooled once", "full, numpy"} <= rows.keys()
    assert rows["full, numpy"]["flops"] == 4 * 9 * 784 * 500
    assert rows["pooled once"]["flops"] == 4 * 9 * 39 * 500


def test_plan():
    record = bench_plan(1, sides=(6,), batches=(9,), proportions=(0.5,), columns=(1, 2))
    assert record["shapes"] == len(record["measured"])
    assert record["most_behind"] >= record["median_behind"] >= 0
    assert "shapes: behind by" in list(lines(record))[-1]


def test_nothing_wrong_is_timed(monkeypatch):
    right = LADDERS["pool"][1]
    wrong = right._replace(run=lambda v, o, out=None: np.nextafter(2 * right.run(v, o), 0), name="doubled")
    monkeypatch.setitem(LADDERS, "pool", (*LADDERS["pool"], wrong))
    monkeypatch.setattr(bench, "interleaved", None)  # would be called to time
    with pytest.raises(SystemExit, match="'doubled': .* nothing was timed"):
        bench_pooling(1, **SMALL)


def test_a_share_of_nan_is_above_no_limit_and_below_none():
    share = largest_share(np.array([np.nan, 0.0]), np.zeros(2), np.ones(2))
    assert not share <= 1
    assert largest_share(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3))) == 0
