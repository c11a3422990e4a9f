"""The oracle checked: faults planted in pp_ref's own functions, each of which it has to report, and should name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pp_ref.oracle.algebras.arithmetic import arithmetic
from pp_ref.oracle.candidates import own
from pp_ref.oracle.candidates.processes import InProcess
from pp_ref.oracle.faults.catalogue import FAULTS, RULED, Fault
from pp_ref.oracle.operations.cases import case_of, cases
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.operations.truth import Expected, truth
from pp_ref.oracle.run import conform
from pp_ref.oracle.verdict.diagnosis import UNKNOWN
from pp_ref.oracle.verdict.findings import Status
from pp_ref.oracle.verdict.judge import judge

__all__ = ["BY_RULE", "PLANTED", "Planted", "Trial", "reported", "trial"]

Functions = dict[str, Callable[..., Any]]


@dataclass(frozen=True)
class Planted:
    """One fault.

    function    the documented name of what is wrong
    operations  whose function it is: of a model both objectives, of which a fault may touch one
    name        a few words
    sentence    what it does
    functions   pp_ref's own with the wrong one among them; twice where products have two orders
    only        the arithmetic in which it is one; None: any
    """

    function: str
    operations: tuple[Operation, ...]
    name: str
    sentence: str
    functions: tuple[Functions, ...]
    only: str | None = None

    def __str__(self) -> str:
        return f"{self.function}: {self.name}"


@dataclass(frozen=True)
class Trial:
    """What the oracle said of a planted fault.

    reported  a case failed, or is suspicious
    named     the diagnosis says more than where the errors are
    said      the diagnosis
    """

    reported: bool
    named: bool
    said: str


@cache
def _expected(identity: str) -> list[Expected]:
    """Many faults are put to one case."""
    return truth(case_of(identity))


def trial(planted: Planted, arithmetic: str, seed: int = 0) -> Trial:
    """Put pp_ref with the fault to the oracle; in the second order of products if the first is not touched by it."""
    said = ""
    for functions in planted.functions:
        candidate = InProcess(functions, str(planted), arithmetic=arithmetic)
        only = [operation.name for operation in planted.operations]
        report = conform(candidate, only=only, seed=seed, expected=lambda case: _expected(case.id))
        if report.exit_code:
            said = next(iter(report.diagnoses.values()), "")
            return Trial(True, bool(said) and not said.startswith(UNKNOWN), said)
    return Trial(False, False, said)


def reported(planted: Planted, name: str) -> bool:
    """Whether a case of the arithmetic of that name is wrong or suspicious; cases after it are not run."""
    for functions in planted.functions:
        candidate = InProcess(functions, str(planted), arithmetic=name)
        for case in (case for operation in planted.operations for case in cases(operation, arithmetic(name))):
            status = judge(case, _expected(case.id), candidate.observe(case)).status
            if status in (Status.failed, Status.suspicious):
                return True
    return False


def _planted(fault: Fault) -> Planted | None:
    """A fault in every function of pp_ref that is judged under a documented name; None if there is none."""
    if not fault.judged:
        return None
    orders = [dict(own.replaced(fault.operation, fault.wrong, order)) for order in (0, 1)]
    judged = [function for function in orders[0] if function in JUDGED]
    if not judged:
        return None
    wrong = tuple(own.functions(order) | replaced for order, replaced in enumerate(orders))
    operations = tuple(JUDGED[function] for function in judged)
    # Dictionaries are computed in float64.
    only = "float64" if judged[0] in own.STATIC else fault.only
    return Planted(judged[0], operations, fault.name, fault.sentence, wrong, only)


JUDGED = {function: operation for operation in OPERATIONS for function in operation.functions}
PLANTED = tuple(planted for fault in FAULTS if (planted := _planted(fault)))
BY_RULE = tuple(planted for fault in RULED if (planted := _planted(fault)))
