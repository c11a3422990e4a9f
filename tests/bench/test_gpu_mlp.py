"""The MNIST net on a CUDA device, as far as it goes without one."""

import pytest

from pp_ref.bench import gpu_mlp
from pp_ref.errors import InaccurateError

pytestmark = pytest.mark.torch
SMALL = {"steps": 1, "batch": 4, "device": "cpu"}


def test_a_step_on_the_processor(monkeypatch, stand_in):
    import torch

    monkeypatch.setattr(torch, "compile", lambda function: function)
    record = gpu_mlp.measure(1, **SMALL)
    rows = {row["name"]: row for row in record["measured"][0]["rows"]}
    ours = ["pp_ref, cupy", "pp_ref, numpy", "pp_ref, auto"]
    assert list(rows) == [*ours, "PyTorch, eager", "PyTorch, compiled"]
    assert all(0 < rows[name]["share_of_bound"] <= 1 for name in ours)
    assert record["settings"]["failed"] == {}
    assert "pool_gathered" in stand_in.launched


def test_a_net_that_does_not_compile_leaves_the_others(monkeypatch, stand_in):
    import torch

    def uncompiled(function):
        def call(*_):
            raise RuntimeError("no compiler here\nand more")

        return call

    monkeypatch.setattr(torch, "compile", uncompiled)
    record = gpu_mlp.measure(1, **SMALL | {"batch": 2})
    assert record["settings"]["failed"] == {"PyTorch, compiled": "RuntimeError: no compiler here"}
    assert "PyTorch, compiled" not in [row["name"] for row in record["measured"][0]["rows"]]
    monkeypatch.setattr(gpu_mlp, "agreement", lambda *_: float("nan"))
    with pytest.raises(InaccurateError, match="'pp_ref, cupy': nan, .* nothing was timed$"):
        gpu_mlp.measure(1, **SMALL | {"batch": 2})
