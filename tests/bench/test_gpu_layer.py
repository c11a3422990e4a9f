"""A layer's operations on a CUDA device, as far as they go without one."""

import numpy as np
import pytest

from pp_ref.bench import gpu_layer
from pp_ref.errors import InaccurateError


def test_the_operations_are_checked_and_then_measured(stand_in):
    operations, *steps = gpu_layer.measure(1, images=3)["measured"]
    shares = {row["name"]: row.get("share_of_bound") for row in operations["rows"]}
    for operation in ("pool", "pool_adjoint", "expand", "project"):
        assert 0 <= shares[operation] <= 1
        assert shares[f"{operation}, cuBLAS"] is None
    assert [block["n"] for block in steps] == list(gpu_layer.BATCHES)
    for block in steps:
        names = ["layer", "layer, cuBLAS, dictionary first", "layer, cuBLAS, weights first"]
        assert [row["name"] for row in block["rows"]] == names
        assert 0 < block["rows"][0]["share_of_bound"] <= 1


def test_a_wrong_operation_is_not_timed(monkeypatch, stand_in):
    right = gpu_layer.LADDERS["expand"][-1]
    wrong = right._replace(forward=lambda w, o: right.forward(w, o) * np.float32(1 + 1e-3))
    monkeypatch.setitem(gpu_layer.LADDERS, "expand", (wrong,))
    with pytest.raises(InaccurateError, match="'expand': .* nothing was timed$"):
        gpu_layer.measure(1, images=3)
    assert not stand_in.calls
