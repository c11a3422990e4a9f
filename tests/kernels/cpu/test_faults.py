"""Each planted fault must fail one of the comparisons, by its result."""

import pytest

from tests.kernels.cpu.comparisons import CHECKS, check_layer
from tests.kernels.cpu.faults import FAULTS, KERNELS


def check(operation, run):
    kind, _, step = operation.partition("_")
    if kind in ("layer", "columns", "shared"):
        passes = kind == "layer"  # v K is computed in two passes
        forward, backward = (KERNELS[f"{kind}_{each}"] for each in ("forward", "backward"))
        check_layer(*((run, passes, backward) if step == "forward" else (forward, passes, run)))
    else:
        CHECKS[operation](run)


@pytest.mark.parametrize("operation", KERNELS)
def test_the_right_kernels_pass(operation):
    check(operation, KERNELS[operation])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.operation}: {fault.name}")
def test_some_comparison_catches_the_fault(fault):
    with pytest.raises(AssertionError):
        check(fault.operation, fault.wrong)


def test_there_are_enough_of_them():
    names = [(fault.operation, fault.name) for fault in FAULTS]
    assert len(set(names)) == len(names) >= 40
    assert {fault.operation for fault in FAULTS} == set(KERNELS)
