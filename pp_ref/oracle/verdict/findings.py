"""What a judgement says: of every tensor its share of the bound, of every case a status, of a whole run a report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

__all__ = ["Finding", "Report", "Status", "TensorVerdict", "unjudged"]


class Status(StrEnum):
    """Of a case, from good to bad."""

    passed = "passed"
    suspicious = "suspicious"  # within the proven bound, outside what independent roundings make likely
    not_judged = "not judged"  # no entry of any result has a bound that a trivial answer would exceed
    left_out = "left out"  # not put to the candidate; the finding's reason says why
    not_provided = "not provided"
    expected = "expected failure"
    unexpected_pass = "unexpected pass"
    failed = "failed"


@dataclass(frozen=True)
class TensorVerdict:
    """One result of a candidate against the exact value.

    name     "y", "dv", "dw[1]", ...
    shape    of the exact value
    ratio    largest |computed - exact| / bound: above 1 proves a fault; infinite for NaN where a number is due
    likely   largest |computed - exact| / spread: above 1 is suspicious
    at       index of that entry, None of an empty tensor
    computed, exact, bound   there
    wrong    how many entries are outside the bound
    errors   |computed - exact| / bound, entry by entry, row by row, of a tensor with wrong entries, if it has at most
             8,192; else None
    judged   share of the entries whose bound a trivial answer exceeds, 0 to 1: what the verdict rests on. None where
             no number is compared: of an empty tensor, and where only the places of NaN are
    """

    name: str
    shape: tuple[int, ...]
    ratio: float
    likely: float
    at: tuple[int, ...] | None = None
    computed: float = 0.0
    exact: float = 0.0
    bound: float = 0.0
    wrong: int = 0
    errors: tuple[float, ...] | None = None
    judged: float | None = None


@dataclass(frozen=True)
class Finding:
    """One case.

    id          "dense/tails/float32/0": operation, regime, arithmetic, seed; `--replay ID` runs it alone
    status      Status
    tensors     y first, then the gradients; empty where the candidate raised or provides nothing
    messages    what is wrong besides numbers: raised, wrong shape, wrote to an argument, ...
    diagnosis   what is wrong with the numbers, in words; None where nothing is
    bug, effect what the regime is there to catch, and what that bug does
    reason      of an expected failure, the candidate's own words; of a case that was left out, why it was
    seconds     that the candidate took
    arguments   of the case: name -> shape, list of shapes, or setting, as JSON has them
    missing     functions that the candidate has not, without which there are no gradients
    calls       of the candidate's functions in this case
    """

    id: str
    operation: str
    regime: str
    status: Status
    tensors: tuple[TensorVerdict, ...] = ()
    messages: tuple[str, ...] = ()
    diagnosis: str | None = None
    bug: str = ""
    effect: str = ""
    reason: str = ""
    seconds: float = 0.0
    arguments: dict[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    calls: int = 0

    @property
    def worst(self) -> TensorVerdict | None:
        """The tensor with the largest share of its bound: the first bad one, if any is."""
        bad = [tensor for tensor in self.tensors if not tensor.ratio <= 1]
        return bad[0] if bad else max(self.tensors, key=lambda tensor: tensor.ratio, default=None)

    def expecting(self, reason: str) -> "Finding":
        """The same, of a case whose failure the candidate announced. What was not looked at can do neither."""
        if self.status in (Status.not_provided, Status.not_judged, Status.left_out):
            return self
        status = Status.unexpected_pass if self.status == Status.passed else Status.expected
        return replace(self, status=status, reason=reason)

    def suspecting(self, message: str | None) -> "Finding":
        """The same with a message, if there is one: what passed is suspicious then."""
        if message is None:
            return self
        status = Status.suspicious if self.status == Status.passed else self.status
        return replace(self, status=status, messages=(*self.messages, message))


@dataclass(frozen=True)
class Report:
    """A run of the oracle.

    candidate    its name
    arithmetic   that it declared
    seed         from which every case was drawn
    findings     in the order in which cases ran
    diagnoses    operation -> what is wrong with it, over all its cases
    environment  versions, machine, and what the candidate's calls go through
    seconds      wall time
    folder       of vectors that it answered; None: its functions were called
    forward_only whether it declared that it has no backward functions
    mistakes     operation -> identifier of what is wrong with it, the same in every run: "dense_forward/bias omitted"
    options      of the command that chose its cases: "--quick" or "--thorough"
    """

    candidate: str
    arithmetic: str
    seed: int
    findings: Sequence[Finding]
    diagnoses: dict[str, str] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    folder: str | None = None
    forward_only: bool = False
    mistakes: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[Status, int]:
        """How many cases have which status."""
        found = Counter(finding.status for finding in self.findings)
        return {status: found[status] for status in Status}

    @property
    def exit_code(self) -> int:
        """The first of these that holds.

        1  wrong: a case failed, or passed against its announcement
        3  nothing could be judged: no case ran, no operation is provided, or no number of any was judged
        2  suspicious, or incomplete: a case was not judged or left out, a result of an operation was judged in no
           case, or a backward function is missing that the candidate did not declare to be
        0  everything was judged, and is right
        """
        counts = self.counts
        if counts[Status.failed] or counts[Status.unexpected_pass]:
            return 1
        if not (counts[Status.passed] or counts[Status.suspicious] or counts[Status.expected]):
            return 3
        in_doubt = counts[Status.suspicious] or counts[Status.not_judged] or counts[Status.left_out]
        missing = any(finding.missing for finding in self.findings) and not self.forward_only
        names = {finding.operation for finding in self.findings}
        parts = ([each for each in self.findings if each.operation == name] for name in names)
        return 2 if in_doubt or missing or any(map(unjudged, parts)) else 0


def unjudged(findings: Sequence[Finding]) -> list[str]:
    """The results of an operation, "y", "dw[0]", ..., of which no entry was judged in any of its cases."""
    tensors = [tensor for finding in findings for tensor in finding.tensors if tensor.judged is not None]
    return sorted({tensor.name for tensor in tensors} - {tensor.name for tensor in tensors if tensor.judged})
