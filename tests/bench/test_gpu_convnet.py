"""The convnet on a CUDA device, as far as it goes without one."""

import numpy as np
import pytest

from pp_ref.bench import gpu_convnet, record


@pytest.mark.torch
def test_an_epoch_on_the_processor(monkeypatch):
    monkeypatch.setattr(gpu_convnet, "array_library", lambda device: np)
    monkeypatch.setattr(record, "circumstances", lambda device: {"machine": {"gpu": device}})
    (block,) = gpu_convnet.measure(1, images=8, batch=4, device="cpu")["measured"]
    assert [row["name"] for row in block["rows"]][:2] == ["pp_ref, full", "pp_ref, 25% learned"]
    assert 0 < block["rows"][0]["share_of_bound"] <= 1
