"""The ladder on a CUDA device, as far as it goes without one."""

import numpy as np
import pytest

from pp_ref.bench import gpu_pool
from pp_ref.errors import InaccurateError


def test_the_pool_is_checked_and_then_measured(stand_in):
    record = gpu_pool.measure(2, images=3)
    (block,) = record["measured"]
    names = [row["name"] for row in block["rows"]]
    assert names[0] == "cuBLAS float32"
    assert names[-1] == "copy"
    assert {"naive", "tiled", "separable", "gathered", "layer, combined"} <= set(names)
    assert len(stand_in.calls) == 3 * len(names)  # a round to warm up
    assert block | {"n": 3, "d": 784, "k": 1960} == block
    assert all(0 < row["share_of_bound"] <= 1 for row in block["rows"][:-1])
    assert block["rows"][-1]["share_of_copy"] == pytest.approx(1)
    assert [goal["goal"] for goal in record["goals"]] == [0.8, 5.0, 1.5]
    assert record["machine"]["gpu"] == "gpu"
    assert stand_in._core._routines_linalg.get_compute_type("f4") == 0


def test_a_wrong_result_is_not_timed(monkeypatch, stand_in):
    runs = gpu_pool.contenders(stand_in, gpu_pool.problem(3))
    wrong = {"gathered": lambda: np.asarray(runs["gathered"]()) * np.float32(1 + 1e-3)}
    monkeypatch.setattr(gpu_pool, "contenders", lambda xp, given: wrong)
    with pytest.raises(InaccurateError, match="'gathered': .* nothing was timed$"):
        gpu_pool.measure(1, images=3)
    assert not stand_in.calls


def test_without_the_switch_there_is_no_tf32(stand_in):
    del stand_in._core
    names = list(gpu_pool.contenders(stand_in, gpu_pool.problem(2)))
    assert "cuBLAS float32" in names
    assert not [name for name in names if "TF32" in name]
