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
        assert list(rows)[:4] == ["definition", "patches", "theorem", "separable"]
        assert rows["patches"]["flops"] == 3 * 2 * 3 * 9 * 9 * 1600 * 64
        size = np.dtype(dtype).itemsize
        assert rows["separable"]["least_bytes"] == 2 * size * (3 * 7 * 7 * 64 + 3 * 9 * 9 * 64)
        assert all(0 < row["share_of_bound"] <= 1 for row in rows.values())
        assert block["choice"]["behind"] >= 0
    assert any("is behind the best by" in line for line in lines(record))


def test_a_first_layer_wants_no_dv():
    rows = module.measure(1, layers=(1,), proportions=(0.05,), n=1)["measured"][0]["rows"]
    assert rows[1]["flops"] == 2 * 2 * 33 * 33 * 192 * 48


@pytest.mark.parametrize("name", ["patches", "theorem", "separable"])
@pytest.mark.parametrize("part", ["y", "dw"])
def test_nothing_wrong_is_timed(part, name, monkeypatch):
    right = next(way for way in module.CONV if way.name == name)

    def forward(*arguments):
        y, cache = right.forward(*arguments)
        return 1.01 * y, cache

    def backward(dy, cache):
        dv, dw, db = right.backward(dy, cache)
        return dv, [2 * dw_j for dw_j in dw], db

    wrong = right._replace(forward=forward) if part == "y" else right._replace(backward=backward)
    monkeypatch.setattr(module, "CONV", tuple(wrong if way is right else way for way in module.CONV))
    monkeypatch.setattr(contest, "interleaved", None)  # would be called to time
    with pytest.raises(InaccurateError, match=f"'{name}': .* nothing was timed"):
        module.measure(1, **SMALL)
