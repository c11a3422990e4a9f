"""pp_ref judged by its own oracle: layers, dictionaries, models, and the kernels for the processor."""

from functools import cache

import pytest

from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.candidates import own
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.verdict.findings import Report, Status


def bad(report: Report) -> list[str]:
    """Ids of the cases that are not as they should be, and of those that nothing was provided for."""
    return [finding.id for finding in report.findings if finding.status != Status.passed]


QUICK = pytest.mark.parametrize(
    "quick", [pytest.param(True, id="quick"), pytest.param(False, id="all", marks=pytest.mark.torture)]
)


@cache
def report(order: int, arithmetic: str, quick: bool) -> Report:
    """Of all that pp_ref has; no name overlaps."""
    return conform(InProcess(own.functions(order) | own.kernels(), arithmetic=arithmetic), quick=quick)


@QUICK
@pytest.mark.parametrize(("order", "arithmetic"), [(1, "float64"), (0, "float32")])
def test_layers_dictionaries_models_and_kernels_conform(order, arithmetic, quick):
    found = report(order, arithmetic, quick)
    assert bad(found) == []
    assert found.exit_code == 0
    assert found.diagnoses == {}


def test_bounds_are_not_wider_than_they_have_to_be():
    """The largest share of the bound that right functions take up is above 1e-3, wherever anything is rounded; in a
    whole model, where worst cases meet worst cases, above 1e-4."""
    least = {operation.name: 1e-4 if operation.kind == "model" else 1e-3 for operation in OPERATIONS}
    shares = dict[str, float]()
    for finding in report(0, "float32", True).findings:
        for tensor in finding.tensors:
            shares[finding.operation] = max(shares.get(finding.operation, 0.0), tensor.ratio)
    assert shares.keys() == {*own.provided(), *own.kernels()}
    exact = {operation.name for operation in OPERATIONS if operation.exact}
    assert {name: share for name, share in shares.items() if share < least[name] and name not in exact} == {}
