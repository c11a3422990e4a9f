"""The MNIST net on a CUDA device, as far as it goes without one."""

import pytest

from pp_ref.bench import gpu_mlp
from pp_ref.bench.timing import Timing


@pytest.mark.torch
def test_a_net_that_does_not_compile_leaves_the_others(monkeypatch, stand_in):
    def uncompiled(function):
        def call(*_):
            raise RuntimeError("no compiler here\nand more")

        return call

    monkeypatch.setattr("torch.compile", uncompiled)
    record = gpu_mlp.measure(Timing(1).of_single_calls(), steps=1, batch=2, device="cpu")
    assert record["settings"]["failed"] == {"PyTorch, compiled": "RuntimeError: no compiler here"}
    assert "PyTorch, compiled" not in [row["name"] for row in record["measured"][0]["rows"]]
