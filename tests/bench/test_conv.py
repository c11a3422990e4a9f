"""The benchmark of convolutions: who stands in it, what it counts, and that it times nothing wrong."""

import numpy as np
import pytest

from pp_ref.bench import contest
from pp_ref.bench import conv as module
from pp_ref.bench.record import lines
from pp_ref.errors import InaccurateError

SMALL = {"layers": (3,), "proportions": (0.05,), "n": 3}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_way_of_a_step(dtype):
    record = module.measure(1, dtype=dtype, **SMALL)
    for block in record["measured"]:
        rows = {row["name"]: row for row in block["rows"]}
        assert list(rows)[:4] == ["definition", "separable", "patches", "theorem"]
        assert rows["patches"]["flops"] == 3 * 2 * 3 * 9 * 9 * 1600 * 64
        size = np.dtype(dtype).itemsize
        assert rows["separable"]["least_bytes"] == 2 * size * (3 * 7 * 7 * 64 + 3 * 9 * 9 * 64)
        assert all(0 < row["share_of_bound"] <= 1 for row in rows.values())
        assert block["choice"]["behind"] >= 0
    assert any("is behind the best by" in line for line in lines(record))


def test_a_first_layer_wants_no_dv():
    rows = module.measure(1, layers=(1,), proportions=(0.05,), n=1)["measured"][0]["rows"]
    assert rows[2]["flops"] == 2 * 2 * 33 * 33 * 192 * 48


@pytest.mark.parametrize("part", ["y", "dw"])
def test_nothing_wrong_is_timed(part, monkeypatch):
    right = module.conv_forward

    def wrong(v, w, b, f, stride, padding):
        y, cache = right(v, w, b, f, stride, padding)
        return (1.01 * y, cache) if part == "y" else (y, cache._replace(pooled=[2 * maps for maps in cache.pooled]))

    monkeypatch.setattr(module, "conv_forward", wrong)
    monkeypatch.setattr(contest, "interleaved", None)  # would be called to time
    with pytest.raises(InaccurateError, match="'separable': .* nothing was timed"):
        module.measure(1, **SMALL)


@pytest.mark.parametrize(("wrong", "named"), [("conv2d_forward", "patches"), ("fourier_conv2d_forward", "theorem")])
def test_neither_is_a_dense_way(wrong, named, monkeypatch):
    right, calls = getattr(module, wrong), []

    def doubled(*arguments):
        calls.append(0)
        y, cache = right(*arguments)
        return (y if wrong == "conv2d_forward" and len(calls) == 1 else 2 * y), cache  # the first is the judge's own

    monkeypatch.setattr(module, wrong, doubled)
    with pytest.raises(InaccurateError, match=f"'{named}': .* nothing was timed"):
        module.measure(1, **SMALL)
