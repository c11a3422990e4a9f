"""The benchmark refuses to time what is wrong, and its records say what stood against what."""

import os
from importlib.util import find_spec

import numpy as np
import pytest

from pp_ref.bench import bench_growth, bench_layer, bench_plan, bench_pooling, lines, measuring
from pp_ref.bench.growth import exponent
from pp_ref.bench.layer import layer_arrays, layer_shares
from pp_ref.bench.measuring import se_operands, threads
from pp_ref.bench.roofline import roofline
from pp_ref.bench.steps import peers, ways
from pp_ref.experiments.drawing import save_figure
from pp_ref.kernels.bounds import largest_share
from pp_ref.kernels.cpu.rungs import LADDERS

SMALL = {"batches": (9,), "proportions": (0.05,)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pooling(dtype, tmp_path):
    record = bench_pooling(1, dtype=dtype, **SMALL)
    names = [row["name"] for row in record["measured"][0]["rows"]]
    assert names[: len(LADDERS["pool"])] == [rung.name for rung in LADDERS["pool"]]
    assert "numpy, side by side" in names
    for library in ("torch", "jax"):
        assert ({f"{library}, side by side", f"{library}, by column"} <= set(names)) == (find_spec(library) is not None)
    for block in record["measured"]:
        rows = {row["name"]: row for row in block["rows"]}
        k = 39 * 10
        assert rows["dense"]["flops"] == 2 * 9 * 784 * k
        size = np.dtype(dtype).itemsize
        assert rows["numpy, side by side"]["least_bytes"] == size * (9 * 784 + 784 * k + 9 * k)
        taps = 2 * (7 if dtype == "float32" else 9)
        if block["form"] == "atom":
            assert rows["fused"]["flops"] == 9 * 784 * (4 * taps - 2)
        best = min(row["median_s"] for name, row in rows.items() if name == "dense" or ", " in name)
        assert rows["fused"]["times_best_peer"] == best / rows["fused"]["median_s"]
        assert all(len(row["seconds"]) == record["rounds"] and row["first_s"] > 0 for row in block["rows"])
    assert any("x the best peer" in line for line in lines(record))
    figure = roofline(record)
    assert [axes.get_title() for axes in figure.axes] == [
        f"{limits['threads']} thread{'s' * (limits['threads'] > 1)}" for limits in record["limits"]
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names
    paths = save_figure(figure, tmp_path / "roofline")
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in save_figure(roofline(record), tmp_path / "roofline")] == before


def test_layer():
    record = bench_layer(1, **SMALL)
    rows = {row["name"]: row for row in record["measured"][0]["rows"]}
    assert {"dictionary first", "weights first", "separable", "pooled once", "full, numpy"} <= rows.keys()
    for library in ("torch", "jax"):
        assert (f"full, {library}" in rows) == (find_spec(library) is not None)
    assert rows["full, numpy"]["flops"] == 4 * 9 * 784 * 500
    assert rows["pooled once"]["flops"] == 4 * 9 * 39 * 500


def test_plan():
    record = bench_plan(1, sides=(6,), batches=(9,), proportions=(0.5,), columns=(1, 2))
    assert {block["dtype"] for block in record["measured"]} == {"float32", "float64"}
    for summary in record["summary"]:
        behind = [block["behind"] for block in record["measured"] if block["threads"] == summary["threads"]]
        assert summary["shapes"] == len(behind) == 4
        assert summary["most_behind"] == max(behind) >= summary["median_behind"] >= 0
        assert summary["missed"] == sum(each > 0.25 for each in behind)
    for block in record["measured"]:
        least = {row["name"]: row["min_s"] for row in block["rows"]}
        assert block["behind"] == least[block["way"]] / min(least.values()) - 1
        assert {"dictionary", "weights", "separable"} <= least.keys()
    assert "4 shapes: behind by" in list(lines(record))[-1]


def test_long_doubles_judge_small_shapes_only():
    record = bench_plan(1, sides=(6,), batches=(800,), proportions=(0.5,), columns=(1,))
    assert {block["dtype"] for block in record["measured"]} == {"float32"}


@pytest.mark.parametrize("order", ["dictionary", "weights"])
@pytest.mark.parametrize(
    "library", [pytest.param("torch", marks=pytest.mark.torch), pytest.param("jax", marks=pytest.mark.jax)]
)
def test_peers_do_the_same_step(library, order):
    o = se_operands(7, 0.3, 3, "float64")
    arrays = layer_arrays(5, o, 12)
    share = layer_shares(o, *arrays)
    assert all(share(step()) <= 1 for step in ways(o, *arrays).values())
    y, dv, dw, db = peers(o, *arrays)[f"{library}, {order}"]()
    assert share((y, dv, dw, db)) <= 1
    assert share((y, dv, [dw[0], dw[2], dw[1]], db)) > 1
    assert share((y, 2 * dv, dw, db)) > 1


def test_growth():
    record = bench_growth(1, sides=(6, 8, 12), batches=(1, 9, 30))
    fits = {(fit["name"], fit["axis"]): fit for fit in record["fits"] if fit["threads"] == 1}
    assert fits["dense", "n"]["flops"] == pytest.approx(1)
    assert fits["dense", "side"]["flops"] == pytest.approx(4, abs=0.2)  # k is rounded
    assert all(fit["low"] <= fit["exponent"] <= fit["high"] for fit in record["fits"])
    assert "time grows as n^" in list(lines(record))[-1]


def test_an_exponent_and_its_interval():
    sizes = np.array([16.0, 24, 32, 48, 64, 96])
    assert exponent(sizes, 3e-9 * sizes**2.5) == pytest.approx((2.5, 2.5, 2.5))
    rng = np.random.default_rng(0)
    draws = [exponent(sizes, sizes**2 * np.exp(0.1 * rng.standard_normal(6))) for _ in range(1000)]
    held = np.mean([low <= 2 <= high for _, low, high in draws])
    assert abs(held - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 1000)  # four standard deviations of a binomial share


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system holds no thread to a core")
def test_one_thread_is_one_core():
    before = os.sched_getaffinity(0)
    with threads(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_nothing_wrong_is_timed(monkeypatch):
    right = LADDERS["pool"][1]
    wrong = right._replace(forward=lambda v, o, out=None: np.nextafter(2 * right.forward(v, o), 0), name="doubled")
    monkeypatch.setitem(LADDERS, "pool", (*LADDERS["pool"], wrong))
    monkeypatch.setattr(measuring, "interleaved", None)  # would be called to time
    with pytest.raises(SystemExit, match="'doubled': .* nothing was timed"):
        bench_pooling(1, **SMALL)


def test_a_share_of_nan_is_above_no_limit_and_below_none():
    share = largest_share(np.array([np.nan, 0.0]), np.zeros(2), np.ones(2))
    assert not share <= 1
    assert largest_share(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3))) == 0
