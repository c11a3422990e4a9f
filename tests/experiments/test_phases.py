"""Seconds by phase."""

import pytest

from pp_ref.experiments import phases
from pp_ref.experiments.phases import Phases


def test_phases_add_up_and_count_when_they_raise(monkeypatch):
    clock = iter([1.0, 3.0, 10.0, 14.0, 20.0, 28.0])
    monkeypatch.setattr(phases.time, "perf_counter", lambda: next(clock))
    spent = Phases()
    with spent("fit"):
        pass
    with pytest.raises(KeyError), spent("error"):
        raise KeyError
    with spent("fit"):
        pass
    assert spent.seconds == {"fit": 10.0, "error": 4.0}
