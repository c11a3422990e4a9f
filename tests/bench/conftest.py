"""Turns of a clock that always agrees with itself, and a processor in place of the CUDA device."""

from types import SimpleNamespace

import pytest

from pp_ref import machine
from pp_ref.bench import gpu_layer, gpu_pool, record
from pp_ref.bench.timing import Timing
from pp_ref.records import circumstances
from tests.kernels.gpu.standing_in import standing_in


class Clock:
    """Calls a run and returns seconds of its own: the first run takes 1, the next 2, ..., the same in every turn."""

    def __init__(self):
        self.calls, self.known = [], {}

    def __call__(self, run):
        self.calls.append(run)
        run()
        return float(self.known.setdefault(id(run), 1 + len(self.known)))


@pytest.fixture
def agreed():
    """Two single calls of each contender, by a clock that always agrees with itself: no row is unstable."""
    return Timing(2, clock=Clock()).of_single_calls()


@pytest.fixture
def stand_in(compiled_kernels, monkeypatch):
    """A processor with a switch for TF32, which has no effect. Its clock is `Clock`."""
    monkeypatch.setattr(machine, "gpu_absence", lambda: None)
    here = circumstances()
    there = here | {"machine": here["machine"] | {"gpu": "gpu"}}
    monkeypatch.setattr(record, "circumstances", lambda device: there)
    clock = Clock()
    for module in (gpu_pool, gpu_layer):
        monkeypatch.setattr(module, "event_seconds", clock)
    with standing_in(compiled_kernels) as processor:
        types = {"now": 0}
        switch = SimpleNamespace(
            COMPUTE_TYPE_TF32=7,
            get_compute_type=lambda dtype: types["now"],
            set_compute_type=lambda dtype, value: types.update(now=value),
        )
        processor._core = SimpleNamespace(_routines_linalg=switch)
        processor.calls = clock.calls
        yield processor
