"""Which property catches which planted fault: ``python -m tests.properties.faults_table``."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import pytest

from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.candidates import own
from pp_ref.oracle.candidates.processes import InProcess
from pp_ref.oracle.faults.catalogue import FAULTS, RULED, Fault
from pp_ref.oracle.operations import cases as oracle
from pp_ref.oracle.operations.table import BY_NAME
from pp_ref.oracle.operations.truth import Expected, truth
from pp_ref.oracle.verdict.findings import Status
from pp_ref.oracle.verdict.judge import judge
from tests.properties.checks import PROPERTIES, Property, violations
from tests.properties.models import MODELS
from tests.properties.operations import IMAGES, OPERATIONS, Case, Operation

# Fixed, so that no draw decides what is caught: square sizes, where a forgotten transpose goes through; unequal
# columns; a scale at which exp overflows; no example, one example; by the seeds,
# filters that are square or not, and columns dense, tied or both. The last case has the n = m of a misplaced bias.
CASES = (
    Case(5, 4, ((4, 4), (4, 4)), seed=7141),
    Case(5, 7, ((3, 2), (2, 3), (3, 1)), dtype="float32", layout="F", seed=7997),
    Case(3, 5, ((2, 3), (2, 3)), dtype="longdouble", layout="reversed", seed=6633),
    Case(6, 4, ((2, 2), (3, 3)), dtype="float32", layout="strided", scale=64.0, seed=6634),
    Case(0, 4, ((2, 3),), dtype="float32", seed=6635),
    Case(1, 3, ((3, 1), (3, 1)), seed=6636),
    Case(4, 4, ((4, 4),), seed=3742),
)


TESTED = (*OPERATIONS, *IMAGES, *MODELS)
# By LAPACK and SciPy, outside the layers' array-API subset: the oracle judges them by its own bounds.
JUDGED = (*own.STATIC, *own.SPEECH)


@cache
def expected(name: str, arithmetic: str) -> list[tuple[oracle.Case, list[Expected]]]:
    """The oracle's cases of an operation, and what their results have to be."""
    return [(case, truth(case)) for case in oracle.cases(BY_NAME[name], ARITHMETICS[arithmetic])]


def misjudged(name: str, function: Callable[..., Any], arithmetic: str = "float64") -> Iterator[tuple[str, str]]:
    """The regimes of the oracle's cases that a function of JUDGED fails, each with what is wrong."""
    candidate = InProcess(dict(own.replaced(name, function)), arithmetic=arithmetic)
    for case, due in expected(name, arithmetic):
        finding = judge(case, due, candidate.observe(case))
        if finding.status != Status.passed:
            wrong = [f"{each.name} is {each.ratio:.1e} of its bound" for each in finding.tensors if not each.ratio <= 1]
            yield case.regime, f"AssertionError: {finding.status}: {'; '.join([*finding.messages, *wrong])}"


def affected(fault: Fault) -> list[Operation]:
    """The operations whose forward or backward pass the fault replaces."""
    return [operation for operation in TESTED if fault.operation in operation.functions]


BY_RULE = [fault for fault in RULED if fault.operation in JUDGED or affected(fault)]


def seldom(at: int, by_hand: int = len(FAULTS)) -> list[pytest.MarkDecorator]:
    """Each run plants those that are written by hand and one in seven of those that are made by rule."""
    return [pytest.mark.torture] if at >= by_hand and at % 7 else []


def caught_by(fault: Fault, properties: Iterable[Property] = PROPERTIES) -> Iterator[tuple[str, str]]:
    """The properties that fail of the operations that the fault affects, one after another, each with its message."""
    if fault.operation in JUDGED:
        yield from misjudged(fault.operation, fault.wrong, fault.only or "float64")
    for operation in affected(fault):
        forward, backward = operation.with_function(fault.operation, fault.wrong)
        yield from violations(operation, forward, backward, CASES, properties)


def table(faults: Sequence[Fault] = FAULTS) -> str:
    """One line a fault: the function, the fault, the properties that fail."""
    caught = [dict(caught_by(fault)) for fault in faults]
    rows = [(fault.operation, fault.name, ", ".join(by) or "ESCAPES") for fault, by in zip(faults, caught, strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, f"{sum(map(bool, caught))} of {len(faults)} planted faults caught"])


if __name__ == "__main__":
    print(table())
