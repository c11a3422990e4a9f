"""Which property catches which planted fault: ``python -m tests.properties.faults_table``."""

from functools import cache

from pp_ref.oracle.faults import FAULTS, Fault
from tests.properties import dictionaries
from tests.properties.checks import violations
from tests.properties.images import IMAGES
from tests.properties.models import MODELS
from tests.properties.operations import OPERATIONS, Case, Operation

# Fixed, so that no draw decides what is caught: square sizes, where a forgotten transpose goes through; unequal
# columns; a scale at which exp overflows; no example, one example. The last case has the n = m of a misplaced bias.
CASES = (
    Case(5, 4, ((4, 4), (4, 4)), seed=1),
    Case(5, 7, ((3, 2), (2, 3), (3, 1)), "float32", "F", seed=2),
    Case(3, 5, ((2, 3), (2, 3)), "longdouble", "reversed", seed=3),
    Case(6, 4, ((2, 2), (3, 3)), "float32", "strided", scale=64.0, seed=4),
    Case(0, 4, ((2, 3),), "float32", seed=5),
    Case(1, 3, ((3, 1), (3, 1)), seed=6),
    Case(4, 4, ((4, 4),), seed=7),
)


TESTED = (*OPERATIONS, *IMAGES, *MODELS)


def affected(fault: Fault) -> list[Operation]:
    """The operations whose forward or backward pass the fault replaces."""
    return [operation for operation in TESTED if fault.operation in operation.functions]


@cache
def caught_by(fault: Fault) -> dict[str, str]:
    """{property: its message} over every operation the fault affects."""
    if fault.operation in dictionaries.CHECKS:
        return dictionaries.violations(fault.operation, fault.wrong)
    failed: dict[str, str] = {}
    for operation in affected(fault):
        forward, backward = operation.with_function(fault.operation, fault.wrong)
        failed |= violations(operation, forward, backward, CASES)
    return failed


def table() -> str:
    """One line a fault: the function, the fault, what it does, the properties that fail."""
    rows = [(fault.operation, fault.name, ", ".join(caught_by(fault)) or "ESCAPES") for fault in FAULTS]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    caught = sum(bool(caught_by(fault)) for fault in FAULTS)
    return "\n".join([*lines, f"{caught} of {len(FAULTS)} planted faults caught"])


if __name__ == "__main__":
    print(table())
