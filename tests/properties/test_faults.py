"""The check is checked: every planted fault must make some property fail, and no right function may."""

from typing import Any

import pytest

from pp_ref.oracle.candidates import own
from pp_ref.oracle.faults import rica
from pp_ref.oracle.faults.catalogue import FAULTS, RULED, Fault
from tests.properties import checks, faults_table, values
from tests.properties.checks import violations
from tests.properties.operations import IMAGES, OPERATIONS, Operation


@pytest.mark.parametrize("operation", faults_table.TESTED, ids=repr)
def test_the_right_functions_pass_on_the_same_cases(operation: Operation) -> None:
    assert dict(violations(operation, operation.forward, operation.backward, faults_table.CASES)) == {}


@pytest.mark.parametrize("name", faults_table.JUDGED)
def test_the_right_functions_are_not_misjudged(name: str) -> None:
    assert dict(faults_table.misjudged(name, own.original(name))) == {}


@pytest.mark.parametrize("operation", [each for each in (*OPERATIONS, *IMAGES) if not each.exact], ids=repr)
def test_a_twentieth_of_the_bound_is_not_enough(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the bounds are no wider than they have to be, by that factor; twice that where every output is a sum over a
    whole image, in which roundings cancel."""
    within, part = values.assert_within, 40 if operation.mixes else 20
    monkeypatch.setattr(values, "assert_within", lambda got, want, bound, what: within(got, want, bound / part, what))
    failed = dict(
        violations(operation, operation.forward, operation.backward, faults_table.CASES, [checks.derived_bound])
    )
    assert "outside, first at" in failed["derived bound"]


EVERY = (*FAULTS, *faults_table.BY_RULE)


def planted(fault: Fault, at: int = 0) -> Any:
    return pytest.param(fault, id=f"{fault.operation}: {fault.name}", marks=faults_table.seldom(at))


@pytest.mark.parametrize("fault", [planted(fault, at) for at, fault in enumerate(EVERY)])
def test_some_property_catches_the_fault(fault: Fault) -> None:
    # By a comparison that failed or a warning of overflow, not only by a crash that any caller would have seen.
    noticed = (message.startswith(("Assert", "Runtime")) for _, message in faults_table.caught_by(fault))
    assert any(noticed), f"{fault.operation} {fault.sentence}, and every property holds"


CONSISTENT = [fault for fault in rica.FAULTS if fault.sentence.endswith("in loss and gradient alike")]


@pytest.mark.parametrize("fault", [planted(fault) for fault in CONSISTENT])
def test_another_objective_with_its_own_gradient_is_caught_by_the_definition(fault: Fault) -> None:
    properties = (checks.complex_step, checks.central_difference, checks.adjoint, checks.derived_bound)
    caught = dict(faults_table.caught_by(fault, properties))
    assert caught.keys() == {"derived bound"}, "the gradient is not that of the loss"
    assert "outside, first at" in caught["derived bound"]


def test_no_two_faults_have_one_name() -> None:
    names = [(fault.operation, fault.name) for fault in (*FAULTS, *RULED)]
    assert len(set(names)) == len(names)


def test_every_function_has_planted_faults() -> None:
    functions = {name for operation in faults_table.TESTED for name in operation.functions} | set(faults_table.JUDGED)
    assert functions <= {fault.operation for fault in (*FAULTS, *RULED)}


def test_the_table_names_what_caught_each_fault() -> None:
    """Of one fault, and of a function that is right: that every fault is caught is tested above, one by one."""
    wrong = next(fault for fault in FAULTS if fault.operation == "relu_backward")
    right = Fault("none", "relu_backward", "is right", own.original("relu_backward"))
    caught, escapes, last = faults_table.table([wrong, right]).splitlines()
    assert caught.endswith(", ".join(dict(faults_table.caught_by(wrong))))
    assert escapes.endswith("ESCAPES")
    assert last == "1 of 2 planted faults caught"
