"""RICA's loss and gradient against PyTorch's."""

import pytest

from pp_ref.bench import rica
from pp_ref.errors import InaccurateError

pytestmark = pytest.mark.torch


def test_rica():
    record = rica.measure(1, patches=700)
    rows = {row["name"]: row for row in record["measured"][0]["rows"]}
    assert list(rows)[:3] == ["pp_ref, full", "pp_ref, 50 % predicted", "torch, full"]
    assert rows["torch, full"]["flops"] == 5 * 2 * 700 * 108 * 400
    assert all(0 < row["share_of_bound"] <= 1 for row in rows.values())
    assert record["goals"][0]["reached"] == pytest.approx(
        rows["pp_ref, full"]["median_s"] / rows["torch, full"]["median_s"]
    )
    assert "700 patches of 108, 400 filters; the goals of 2x (full) and 3.5x (50 % predicted)" in rica.table(record)


def test_a_wrong_gradient_is_not_timed(monkeypatch):
    right = rica.RICA.loss_and_gradient

    def wrong(model, params, x):
        loss, gradient = right(model, params, x)
        return loss, {name: 1.5 * g for name, g in gradient.items()}

    monkeypatch.setattr(rica.RICA, "loss_and_gradient", wrong)
    with pytest.raises(InaccurateError, match="'pp_ref, full': .* nothing was timed"):
        rica.measure(1, patches=700)
