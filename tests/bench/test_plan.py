"""What a layer chooses is timed beside every way, and judged by the best."""

import pytest

from pp_ref.bench.plan import measure, said
from pp_ref.bench.record import met
from pp_ref.errors import InaccurateError
from pp_ref.models import Predicted

SMALL = {"sides": (6,), "batches": (9,), "proportions": (0.5,), "columns": (1, 2)}


def test_plan():
    record = measure(1, **SMALL)
    assert {block["dtype"] for block in record["measured"]} == {"float32", "float64"}
    for block in record["measured"]:
        least = {row["name"]: row["min_s"] for row in block["rows"]}
        assert block["choice"]["behind"] == least["auto"] / min(least.values()) - 1
        assert {"dictionary", "weights", "separable"} <= least.keys()
    for goal in record["goals"][: len(record["limits"])]:
        behind = [b["choice"]["behind"] for b in record["measured"] if b["threads"] == goal["threads"]]
        assert len(behind) == 4
        assert goal["reached"] == max(behind)
        beyond = sum(each > 0.25 for each in behind)
        assert f"{max(behind):.0%} at most ({beyond} of 4 shapes beyond 25%)" in said(record)
    reached = "met" if all(map(met, record["goals"])) else "missed"
    assert said(record).endswith(f"at the median are {reached}.")


def test_what_the_layer_does_by_itself_is_judged_too(monkeypatch):
    right = Predicted.forward

    def wrong(weights, params, v):
        y, cache = right(weights, params, v)
        return 2 * y, cache

    monkeypatch.setattr(Predicted, "forward", wrong)
    with pytest.raises(InaccurateError, match="'auto': .* nothing was timed"):
        measure(1, **SMALL)


def test_long_doubles_judge_small_shapes_only():
    record = measure(1, **SMALL | {"batches": (800,), "columns": (1,)})
    assert {block["dtype"] for block in record["measured"]} == {"float32"}
