"""Who takes part in v U, what is counted, and that nothing wrong is timed."""

from importlib.util import find_spec

import numpy as np
import pytest

from pp_ref.bench import contest
from pp_ref.bench.pooling import measure
from pp_ref.bench.record import lines
from pp_ref.bench.roofline import roofline
from pp_ref.errors import InaccurateError
from pp_ref.experiments.drawing import save_figure
from pp_ref.kernels.bounds import largest_share
from pp_ref.kernels.cpu.ladders import LADDERS

SMALL = {"batches": (9,), "proportions": (0.05,)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pooling(dtype, tmp_path):
    record = measure(1, dtype=dtype, **SMALL)
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


def test_nothing_wrong_is_timed(monkeypatch):
    right = LADDERS["pool"][1]
    wrong = right._replace(forward=lambda v, o, out=None: np.nextafter(2 * right.forward(v, o), 0), name="doubled")
    monkeypatch.setitem(LADDERS, "pool", (*LADDERS["pool"], wrong))
    monkeypatch.setattr(contest, "interleaved", None)  # would be called to time
    with pytest.raises(InaccurateError, match="'doubled': .* nothing was timed"):
        measure(1, **SMALL)


def test_a_share_of_nan_is_above_no_limit_and_below_none():
    share = largest_share(np.array([np.nan, 0.0]), np.zeros(2), np.ones(2))
    assert not share <= 1
    assert largest_share(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3))) == 0
