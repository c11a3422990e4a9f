"""What there is to judge: operations, their regimes, and how many mistakes of each are known to be found."""

from collections import Counter

from pp_ref.oracle.candidates import own
from pp_ref.oracle.faults.catalogue import FAULTS, RULED
from pp_ref.oracle.operations.cases import names
from pp_ref.oracle.operations.table import OPERATIONS

__all__ = ["listing"]


def listing() -> str:
    """Return the lines of `pp-ref conform --list`: of every operation what it is, its functions, and what is tried."""
    planted = Counter(
        function
        for fault in (*FAULTS, *RULED)
        for function, _ in own.replaced(fault.operation, fault.wrong)
        if fault.judged
    )
    lines = []
    for operation in OPERATIONS:
        faults = sum(planted[function] for function in operation.functions)
        only = f", of its own {', '.join(operation.regimes)}" if operation.regimes else ""
        lines += [
            f"{operation}: {operation.equation}",
            f"    {', '.join(operation.functions)}; {len(names(operation))} regimes{only}; {faults} planted faults",
        ]
    return "\n".join(lines)
