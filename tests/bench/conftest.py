"""A processor in place of the CUDA device."""

from types import SimpleNamespace

import pytest

from pp_ref import machine
from pp_ref.bench import gpu_layer, gpu_pool, record
from pp_ref.records import circumstances
from tests.kernels.gpu.cuda_on_cpu import standing_in


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A processor with a switch for TF32, which has no effect. Its clock counts the calls."""
    monkeypatch.setattr(machine, "gpu_absence", lambda: None)
    here = circumstances()
    there = here | {"machine": here["machine"] | {"gpu": "gpu"}}
    monkeypatch.setattr(record, "circumstances", lambda device: there)
    calls = []

    def seconds(run):
        calls.append(run)
        run()
        return float(len(calls))

    for module in (gpu_pool, gpu_layer):
        monkeypatch.setattr(module, "event_seconds", seconds)
    with standing_in(tmp_path) as processor:
        types = {"now": 0}
        switch = SimpleNamespace(
            COMPUTE_TYPE_TF32=7,
            get_compute_type=lambda dtype: types["now"],
            set_compute_type=lambda dtype, value: types.update(now=value),
        )
        processor._core = SimpleNamespace(_routines_linalg=switch)
        processor.calls = calls
        yield processor
