"""Cases that Hypothesis draws: pp_ref's own layers agree with the exact values in all of them, and failures shrink."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from pp_ref.errors import DomainError
from pp_ref.oracle import load
from pp_ref.oracle.candidates import own
from pp_ref.oracle.candidates.processes import InProcess
from pp_ref.oracle.operations.strategies import cases_of
from pp_ref.oracle.operations.truth import truth
from pp_ref.oracle.verdict.findings import Status
from pp_ref.oracle.verdict.judge import judge

OWN = {name: load("pp_ref.layers", arithmetic=name) for name in ("float64", "float32")}


def judged(case, candidate):
    return judge(case, truth(case), candidate.observe(case))


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_pp_refs_own_layers_conform_in_any_case(data):
    provided = sorted(own.provided())
    operation, arithmetic = data.draw(st.sampled_from(provided)), data.draw(st.sampled_from(sorted(OWN)))
    case = data.draw(cases_of(operation, arithmetic))
    finding = judged(case, OWN[arithmetic])
    assert finding.status == Status.passed, finding


def test_a_failure_shrinks():
    def dense_forward(v, W, b):
        return v @ W + (b if len(v) > 2 else 0), None

    wrong = InProcess({"dense_forward": dense_forward})
    case = find(
        cases_of("dense"),
        lambda case: judged(case, wrong).status == Status.failed,
        settings=settings(phases=[Phase.generate, Phase.shrink]),
    )
    assert [np.shape(x) for x in case.arguments.values()] == [(1, 1), (1, 1), (1,)]
    assert (case.layout, case.regime) == ("C", "drawn")


def test_an_unknown_operation_is_refused():
    with pytest.raises(DomainError, match="^operation is 'convolve', expected one of dense, pool, "):
        cases_of("convolve")


def test_what_is_missing_is_said():
    code = (
        "import sys; sys.modules['hypothesis'] = sys.modules['hypothesis.strategies'] = None\n"
        "from pp_ref.oracle.operations.strategies import cases_of; cases_of('dense')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    expected = (
        "hypothesis is not installed, but this function needs it: pip install hypothesis (the extra 'test' of pp-ref)"
    )
    assert done.stderr.strip().endswith(f"MissingExtraError: {expected}")
