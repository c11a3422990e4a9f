"""What every format says alike: a report by operation, a finding in words."""

import math
import re
import shlex
from dataclasses import dataclass
from itertools import chain

from pp_ref.oracle.verdict.findings import Finding, Report, Status, TensorVerdict

VERDICTS = {  # the first that a case of an operation has is the operation's
    Status.failed: "wrong",
    Status.unexpected_pass: str(Status.unexpected_pass),
    Status.suspicious: str(Status.suspicious),
    Status.not_judged: str(Status.not_judged),
    Status.left_out: str(Status.left_out),
    Status.expected: str(Status.expected),
    Status.passed: "agrees",
    Status.not_provided: str(Status.not_provided),
}

# Control characters but tab and line feed, surrogates and two more: XML forbids them, or a terminal obeys them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """A candidate's own words, with U+FFFD for each character that is not to be shown."""
    return _UNPRINTABLE.sub("\ufffd", text)


@dataclass(frozen=True)
class Operation:
    """One operation's part of a report.

    findings   in the order in which cases ran, at least one
    diagnosis  over all its cases; None where nothing is wrong with the numbers
    """

    name: str
    findings: tuple[Finding, ...]
    diagnosis: str | None

    def having(self, status: Status) -> list[Finding]:
        return [finding for finding in self.findings if finding.status == status]

    @property
    def verdict(self) -> Status:
        return next(status for status in VERDICTS if self.having(status))

    @property
    def share(self) -> float | None:
        """The largest |computed - exact| / bound of its tensors; None where there are none."""
        return max((tensor.ratio for finding in self.findings for tensor in finding.tensors), default=None)


def operations(report: Report) -> list[Operation]:
    """The operations of a report, in the order in which they ran."""
    cases: dict[str, list[Finding]] = {}
    for finding in report.findings:
        cases.setdefault(finding.operation, []).append(finding)
    return [Operation(name, tuple(found), report.diagnoses.get(name)) for name, found in cases.items()]


def summary(report: Report) -> str:
    """One sentence: who, in what arithmetic, and how many cases have which status."""
    counts = ", ".join(f"{number:,} {status}" for status, number in report.counts.items() if number)
    return (
        f"{report.candidate} in {report.arithmetic}, seed {report.seed}: {plural(len(report.findings), 'case')} "
        f"in {report.seconds:.1f} s: {counts or 'nothing ran'}"
    )


def replay(report: Report, finding: Finding) -> str:
    """The command that runs this case alone."""
    who = [report.candidate] if report.folder is None else ["--files", report.folder]
    return shlex.join(["pp-ref", "conform", *who, "--replay", finding.id])


def headline(finding: Finding) -> str:
    """What is wrong, in a line: the diagnosis, else what happened, else the tensor that is furthest out."""
    return next(chain(said(finding), outside(finding), [str(finding.status)]))


def said(finding: Finding) -> list[str]:
    """The diagnosis and the messages, as far as there are any."""
    return [*([finding.diagnosis] if finding.diagnosis else []), *finding.messages]


def outside(finding: Finding) -> list[str]:
    """A sentence on the tensor that is outside its bound, or outside what is likely."""
    worst = finding.worst
    if worst is None:
        return []
    if not worst.ratio <= 1:
        if math.isfinite(worst.ratio):
            return [f"{worst.name} is {times(worst.ratio)} its bound away from the exact value"]
        return [f"{worst.name} is {float(worst.computed)!r} where {float(worst.exact)!r} is due"]
    doubtful = max(finding.tensors, key=lambda tensor: tensor.likely)
    if not doubtful.likely <= 1:
        return [f"{doubtful.name} is {times(doubtful.likely)} as far off as independent roundings make likely"]
    return []


def details(report: Report, finding: Finding) -> list[tuple[str, str]]:
    """All there is to say of a case that is not as it should be: what it is, and the words."""
    rows = [("wrong", words) for words in said(finding) or outside(finding)]
    worst = finding.worst
    if worst is not None and worst.at is not None and not worst.ratio <= 1:
        rows += [
            ("tensor", f"{worst.name} {worst.shape}, {wrong(worst)}"),
            ("entry", f"{worst.name}{list(worst.at) if worst.at else ''}"),
            ("computed", repr(float(worst.computed))),
            ("exact", repr(float(worst.exact))),
            ("allowed", f"± {worst.bound:.3g}"),
        ]
    others = [tensor.name for tensor in finding.tensors if tensor is not worst and not tensor.ratio <= 1]
    if others:
        rows.append(("also wrong", ", ".join(others)))
    if finding.bug:
        catches = f"{finding.bug}; {finding.effect}" if finding.effect else finding.bug
        rows.append(("regime", f"{finding.regime}, to catch: {catches}"))
    if finding.reason:
        rows.append(("reason", finding.reason))
    return [*rows, ("replay", replay(report, finding))]


def wrong(tensor: TensorVerdict) -> str:
    """How much of it: "3 of 120 entries are wrong"."""
    size = plural(math.prod(tensor.shape), "entry", "entries")
    return f"{tensor.wrong:,} of {size} {'is' if tensor.wrong == 1 else 'are'} wrong"


def times(ratio: float) -> str:
    """A ratio for a sentence: "3.4 times", "2.1e+05 times"."""
    return f"{ratio:.2g} times"


def plural(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
