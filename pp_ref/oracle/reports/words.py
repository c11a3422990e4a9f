"""What every format says alike: a report by operation, a finding in words."""

import math
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pp_ref.oracle.reports.references import references
from pp_ref.oracle.reports.telling import severity
from pp_ref.oracle.verdict.findings import Finding, Report, Status, TensorVerdict, unjudged

__all__ = [
    "Operation",
    "details",
    "headline",
    "looked_at",
    "operations",
    "percent",
    "plural",
    "printable",
    "replay",
    "said",
    "summary",
    "verdict",
    "wrong",
]

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

EXITS = {
    0: "all judged and right",
    1: "wrong",
    2: "suspicious or incomplete",
    3: "nothing could be judged",
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
        """The worst of its cases; `not_judged` as well if a result was judged in none of them."""
        worst = next(status for status in VERDICTS if self.having(status))
        return Status.not_judged if worst in (Status.passed, Status.left_out) and self.unjudged else worst

    @property
    def words(self) -> str:
        """The verdict as a report says it: an operation agrees where all its results were judged, in every case."""
        looked_into = any(tensor.judged for finding in self.findings for tensor in finding.tensors)
        partly = self.verdict in (Status.not_judged, Status.left_out) and looked_into and not self.unjudged
        if partly or (self.verdict == Status.passed and self.missing):
            return "agrees in part"
        return VERDICTS[self.verdict]

    @property
    def judged(self) -> float | None:
        """The share of the entries of all its results that was judged; None where there are none."""
        sizes = [
            (math.prod(tensor.shape), tensor.judged)
            for finding in self.findings
            for tensor in finding.tensors
            if tensor.judged is not None
        ]
        entries = sum(size for size, _ in sizes)
        return sum(size * share for size, share in sizes) / entries if entries else None

    @property
    def unjudged(self) -> list[str]:
        """The results of which no entry was judged in any case: "y", "dw[0]", ..."""
        return unjudged(self.findings)

    @property
    def missing(self) -> list[str]:
        """The functions that the candidate has not, without which there are no gradients."""
        return sorted({name for finding in self.findings for name in finding.missing})

    @property
    def incomplete(self) -> str | None:
        """What was not judged, and that it was not, in words; None where everything was."""
        found = []
        if self.verdict == Status.not_judged and self.judged is not None:
            found.append(f"{100 - math.floor(100 * self.judged)} % of entries have no useful bound")
            if self.unjudged:
                found.append(f"no entry of {', '.join(self.unjudged)} has one in any case")
        if self.missing and self.verdict != Status.not_provided:
            found.append(
                f"{', '.join(self.missing)} is missing, so no gradient was judged: "
                "AUTODIFF = True takes those of torch or jax, FORWARD_ONLY = True says that there are none"
            )
        return "; ".join(found) or None

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


def looked_at(findings: Sequence[Finding]) -> str:
    """How far the cases went: "extents up to 69, filters up to 3 x 2, strides up to 3, 480 calls"."""
    put = [finding for finding in findings if finding.status not in (Status.not_provided, Status.left_out)]
    extents, filters, settings = [0], [(0, 0)], {"stride": 0, "padding": 0}
    for finding in put:
        extents += _extents(finding.arguments)
        filters += _filters(finding.arguments)
        settings = {name: max(most, finding.arguments.get(name, 0)) for name, most in settings.items()}
    height, width = max(filters, key=math.prod)
    calls = sum(finding.calls for finding in put)
    said = [
        f"extents up to {max(extents):,}" if max(extents) else "",
        f"filters up to {height} x {width}" if height else "",
        f"strides up to {settings['stride']}" if settings["stride"] else "",
        f"padding up to {settings['padding']}" if settings["padding"] else "",
        plural(calls, "call") if calls else "",
    ]
    return ", ".join(each for each in said if each)


def _extents(arguments: dict[str, Any]) -> list[int]:
    """The length of every axis of every array. A setting that is a list is none, and small."""
    return [size for value in arguments.values() if isinstance(value, list) for size in _numbers(value)]


def _numbers(value: Any) -> Iterator[int]:
    for each in value:
        if isinstance(each, list):
            yield from _numbers(each)
        elif isinstance(each, int):
            yield each


def _filters(arguments: dict[str, Any]) -> list[tuple[int, int]]:
    """Height and width of filters and windows."""
    every = [arguments.get("filter_shape"), *arguments.get("filter_shapes", ())]
    if "stride" in arguments:
        size = arguments.get("size")
        every += [(size, size)] if size else []
        every += [arguments[name][:2] for name in ("W", "u") if name in arguments]
    return [(each[0], each[1]) for each in every if each]


def summary(report: Report) -> str:
    """One sentence: who, in what arithmetic, and how many cases have which status."""
    counts = ", ".join(f"{number:,} {status}" for status, number in report.counts.items() if number)
    return (
        f"{report.candidate} in {report.arithmetic}, seed {report.seed}: {plural(len(report.findings), 'case')} "
        f"in {report.seconds:.1f} s: {counts or 'nothing ran'}"
    )


def verdict(report: Report) -> str:
    """The whole run in a sentence, by its exit code, with what was looked at."""
    seen = looked_at(report.findings)
    return f"{EXITS[report.exit_code]} (exit code {report.exit_code}){': ' + seen if seen else ''}"


def replay(report: Report, finding: Finding) -> str:
    """The command that runs this case alone."""
    who = [report.candidate] if report.folder is None else ["--files", report.folder]
    return shlex.join(["pp-ref", "conform", *who, *report.options, "--replay", finding.id])


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
    if how := severity(finding):
        rows.append(("severity", how))
    others = [tensor.name for tensor in finding.tensors if tensor is not worst and not tensor.ratio <= 1]
    if others:
        rows.append(("also wrong", ", ".join(others)))
    loose = [f"{tensor.name} {percent(tensor.judged)}" for tensor in finding.tensors if tensor.judged not in (None, 1)]
    if loose:
        rows.append(("judged", f"of the entries of {', '.join(loose)}"))
    if finding.bug:
        catches = f"{finding.bug}; {finding.effect}" if finding.effect else finding.bug
        rows.append(("regime", f"{finding.regime}, to catch: {catches}"))
    if finding.reason:
        rows.append(("reason", finding.reason))
    if finding.arguments:
        rows.append(("arguments", ", ".join(f"{name} {_shown(value)}" for name, value in finding.arguments.items())))
    rows.append(("seed", finding.id.rpartition("/")[2]))
    if known := references(finding.operation, finding.regime):
        rows.append(("as in", ", ".join(known)))
    return [*rows, ("replay", replay(report, finding))]


def _shown(value: Any) -> str:
    """The shape 5 x 7, the shapes (7 x 3, 7 x 2), the setting 2."""
    if isinstance(value, list):
        nested = any(isinstance(each, list) for each in value)
        return f"({', '.join(map(_shown, value))})" if nested else " x ".join(map(str, value)) or "number"
    return str(value)


def wrong(tensor: TensorVerdict) -> str:
    """How much of it: "3 of 120 entries are wrong"."""
    size = plural(math.prod(tensor.shape), "entry", "entries")
    return f"{tensor.wrong:,} of {size} {'is' if tensor.wrong == 1 else 'are'} wrong"


def percent(share: float) -> str:
    """A share, rounded down: only what is whole is 100 %."""
    return f"{math.floor(100 * share)} %"


def times(ratio: float) -> str:
    """A ratio for a sentence: "3.4 times", "2.1e+05 times"."""
    return f"{ratio:.2g} times"


def plural(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
