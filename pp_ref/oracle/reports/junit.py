"""A report as JUnit XML, which continuous integration reads: a suite an operation, a test case a case."""

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from pp_ref.oracle.reports.elements import Element, element
from pp_ref.oracle.reports.words import Operation, details, headline, looked_at, operations, percent, summary, verdict
from pp_ref.oracle.verdict.findings import Finding, Report, Status

__all__ = ["content"]

FAILURES = (Status.failed, Status.unexpected_pass)
SKIPPED = (Status.not_provided, Status.not_judged, Status.left_out, Status.expected)


def content(report: Report) -> bytes:
    """The file: `failure` where the exit code is 1, `skipped` with a reason, `system-out` for what is suspicious."""
    suites = element(
        "testsuites",
        *(_suite(report, part) for part in operations(report)),
        name=f"{summary(report)}; {verdict(report)}",
        time=f"{report.seconds:.3f}",
        **_counts(report.findings),
    )
    ElementTree.indent(suites)
    text: str = ElementTree.tostring(suites, encoding="unicode")
    return f"<?xml version='1.0' encoding='utf-8'?>\n{text}\n".encode()


def _counts(findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "tests": len(findings),
        "failures": sum(finding.status in FAILURES for finding in findings),
        "errors": 0,
        "skipped": sum(finding.status in SKIPPED for finding in findings),
    }


def _suite(report: Report, part: Operation) -> Element:
    said = {"verdict": part.words, "judged": "" if part.judged is None else percent(part.judged)}
    said |= {"incomplete": part.incomplete or "", "looked at": looked_at(part.findings)}
    properties = (element("property", name=name, value=value) for name, value in said.items() if value)
    return element(
        "testsuite",
        element("properties", *properties),
        *(_case(report, finding) for finding in part.findings),
        name=part.name,
        time=f"{sum(finding.seconds for finding in part.findings):.3f}",
        **_counts(part.findings),
    )


def _case(report: Report, finding: Finding) -> Element:
    case = element(
        "testcase",
        classname=f"{report.candidate}.{finding.operation}",
        name=finding.id,
        time=f"{finding.seconds:.3f}",
    )
    text = "\n".join(f"{heading}: {words}" for heading, words in details(report, finding))
    if finding.status in FAILURES:
        case.append(element("failure", text, message=headline(finding), type=finding.status))
    elif finding.status in SKIPPED:
        case.append(element("skipped", text, message=f"{finding.status}: {finding.reason or headline(finding)}"))
    elif finding.status == Status.suspicious:
        case.append(element("system-out", f"suspicious: {headline(finding)}\n{text}"))
    return case
