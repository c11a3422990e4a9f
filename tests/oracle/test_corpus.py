"""The oracle checked: it reports every planted fault, and names most."""

import pytest

from benchmarks.oracle.corpus import BY_RULE, PLANTED, Planted, Trial, trial
from pp_ref.oracle.candidates import own
from tests.properties.faults_table import seldom

EVERY = (*PLANTED, *BY_RULE)


# Every fault in one arithmetic, every second one in the other; benchmarks/oracle/faults.py takes both.
@pytest.mark.parametrize(
    "at", [pytest.param(at, id=str(each), marks=seldom(at, len(PLANTED))) for at, each in enumerate(EVERY)]
)
def test_a_planted_fault_is_reported(at):
    planted = EVERY[at]
    assert trial(planted, planted.only or ("float64", "float32")[at % 2]).reported, planted.sentence


def test_every_operation_has_planted_faults():
    planted = {operation.name for each in EVERY for operation in each.operations}
    assert planted == set(own.provided())
    assert len(EVERY) >= 1000


def test_no_two_faults_have_one_name():
    names = [str(planted) for planted in EVERY]
    assert len(set(names)) == len(names)


def test_a_right_function_is_not_reported():
    planted = PLANTED[0]
    right = Planted(planted.function, planted.operations, "none", "does nothing wrong", (own.functions(),))
    assert trial(right, "float64") == Trial(False, False, "")
