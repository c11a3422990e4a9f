"""The oracle checked: it reports every planted fault, and names most."""

import pytest

from benchmarks.oracle.corpus import PLANTED, Planted, Trial, trial
from pp_ref.oracle.candidates import own
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.operations.truth import ExactValues


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("exact") / "exact.sqlite"
    ExactValues(path).close()
    return path


# Every fault in one arithmetic, every second one in the other; benchmarks/oracle/faults.py takes both.
@pytest.mark.parametrize("at", range(len(PLANTED)), ids=lambda at: str(PLANTED[at]))
def test_a_planted_fault_is_reported(at: int, store):
    planted = PLANTED[at]
    assert trial(planted, planted.only or ("float64", "float32")[at % 2], store=store).reported, planted.sentence


def test_every_operation_has_planted_faults():
    planted = {operation.name for each in PLANTED for operation in each.operations}
    unplanted = {"grid_pool", "grid_pool_adjoint", "grid_expand", "grid_project", "convnet"}  # tests/kernels has theirs
    assert {operation.name for operation in OPERATIONS} - planted <= unplanted
    assert len(PLANTED) >= 300


def test_no_two_faults_have_one_name():
    assert len({str(planted) for planted in PLANTED}) == len(PLANTED)


def test_a_right_function_is_not_reported():
    planted = PLANTED[0]
    right = Planted(planted.function, planted.operations, "none", "does nothing wrong", (own.functions(),))
    assert trial(right, "float64") == Trial(False, False, "")
