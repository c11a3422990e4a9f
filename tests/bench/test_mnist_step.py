"""A step with few parameters learned, and its parts."""

import pytest

from pp_ref.bench import mnist_step
from pp_ref.errors import InaccurateError
from pp_ref.models.mlp import MLP

pytestmark = pytest.mark.torch


def test_steps_and_their_parts():
    record = mnist_step.measure(1, proportions=(0.05,))
    parts = {block["part"]: [row["name"] for row in block["rows"]] for block in record["measured"]}
    assert parts["step"] == ["pp_ref, predicted", "pp_ref, full", "torch", "torch, fused SGD"]
    assert parts["passes"][0] == "1 dense forward"
    assert len(parts["passes"]) == 8
    goal = record["goals"][0]
    assert goal["what"] == "training step of the MNIST net, 5% learned, against the full net"
    assert goal["reached"] == record["measured"][0]["rows"][0]["times_best_peer"]


def test_a_wrong_gradient_is_not_timed(monkeypatch):
    right = MLP.loss_and_gradient

    def wrong(model, params, x, y):
        loss, gradient = right(model, params, x, y)
        return loss, {name: g if name.endswith("b") or g.dtype != "f4" else 10 * g for name, g in gradient.items()}

    monkeypatch.setattr(MLP, "loss_and_gradient", wrong)
    with pytest.raises(InaccurateError, match="'pp_ref, predicted': .* nothing was timed"):
        mnist_step.measure(1, proportions=(0.05,))
