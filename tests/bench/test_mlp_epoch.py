"""An epoch against PyTorch's: nothing is timed before the gradients agree."""

import pytest

from pp_ref.bench import mlp_epoch
from pp_ref.errors import InaccurateError
from pp_ref.models.mlp import MLP

pytestmark = pytest.mark.torch


def test_epochs():
    record = mlp_epoch.measure(1, examples=200)
    for block in record["measured"]:
        ours, *theirs = block["rows"]
        assert [row["name"] for row in theirs] == ["torch", "torch, fused SGD"]
        assert ours["flops"] == 200 * 2 * (2 * 784 * 500 + 3 * 500 * 500 + 3 * 500 * 10)
    best = min(row["median_s"] for row in theirs)
    assert record["goals"][-1]["reached"] == pytest.approx(ours["median_s"] / best)
    assert f" {len(record['limits'])} | " in mlp_epoch.table(record).splitlines()[-3]


def test_a_wrong_gradient_is_not_timed(monkeypatch):
    right = MLP.loss_and_gradient

    def wrong(model, params, x, y):
        loss, gradient = right(model, params, x, y)
        return loss, gradient | {"2.b": 1.1 * gradient["2.b"]}

    monkeypatch.setattr(MLP, "loss_and_gradient", wrong)
    with pytest.raises(InaccurateError, match="'pp_ref': .* nothing was timed"):
        mlp_epoch.measure(1, examples=200)
