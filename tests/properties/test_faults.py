"""The check is checked: every planted fault must make some property fail, and no right function may."""

import pytest

from pp_ref.oracle.faults import FAULTS, Fault
from tests.properties import faults_table
from tests.properties.checks import violations
from tests.properties.operations import Operation


@pytest.mark.parametrize("operation", faults_table.TESTED, ids=repr)
def test_the_right_functions_pass_on_the_same_cases(operation: Operation) -> None:
    assert violations(operation, operation.forward, operation.backward, faults_table.CASES) == {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.operation}: {fault.name}")
def test_some_property_catches_the_fault(fault: Fault) -> None:
    assert faults_table.affected(fault), f"no operation has a function {fault.operation}"
    # By a comparison that failed or a warning of overflow, not only by a crash that any caller would have seen.
    noticed = [
        message for message in faults_table.caught_by(fault).values() if message.startswith(("Assert", "Runtime"))
    ]
    assert noticed, f"{fault.operation} {fault.sentence}, and every property holds"


def test_no_two_faults_have_one_name() -> None:
    names = [(fault.operation, fault.name) for fault in FAULTS]
    assert len(set(names)) == len(names) >= 75


def test_every_function_has_planted_faults() -> None:
    functions = {name for operation in faults_table.TESTED for name in operation.functions}
    assert {fault.operation for fault in FAULTS} == functions


def test_the_table_names_what_caught_each_fault() -> None:
    table = faults_table.table()
    print(table)  # pytest -s shows it
    assert table.endswith(f"{len(FAULTS)} of {len(FAULTS)} planted faults caught")
