"""A run as one object for programs that write kernels: what is wrong, its identifier, the smallest counterexample."""

import json
from typing import Any

import numpy as np

from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.reports.records import strict
from pp_ref.oracle.reports.references import references
from pp_ref.oracle.reports.telling import entries, severity, telling
from pp_ref.oracle.reports.words import Operation, headline, operations, replay, said, summary, verdict
from pp_ref.oracle.verdict.findings import Finding, Report, Status

__all__ = ["SCHEMA", "failure", "verdict_object"]

SCHEMA = "pp_ref.verdict/1"
SHOWN = 256  # numbers of a counterexample's arguments that are in the object, at most
BAD = (Status.failed, Status.unexpected_pass, Status.suspicious)


def verdict_object(report: Report) -> str:
    """One line of JSON; NaN and the infinities are "nan", "inf" and "-inf"."""
    parts = [part for part in operations(report) if part.verdict != Status.not_provided]
    examples = [(part, _example(part)) for part in parts]
    shown = [finding for _, finding in examples if finding is not None]
    smallest = telling(shown) if shown else None
    found = {
        "schema": SCHEMA,
        "candidate": report.candidate,
        "arithmetic": report.arithmetic,
        "seed": report.seed,
        "exit_code": report.exit_code,
        "verdict": verdict(report),
        "summary": summary(report),
        "operations": [_operation(report, part, finding) for part, finding in examples],
        "not_provided": [part.name for part in operations(report) if part.verdict == Status.not_provided],
        "counterexample": None if smallest is None else _counterexample(report, smallest),
    }
    return json.dumps(strict(found), allow_nan=False)


def failure(message: str) -> str:
    """The object of a run that judged nothing."""
    return json.dumps({"schema": SCHEMA, "exit_code": 3, "verdict": "nothing could be judged", "error": message})


def _example(part: Operation) -> Finding | None:
    for status in BAD:
        if having := part.having(status):
            return telling(having)
    return None


def _operation(report: Report, part: Operation, finding: Finding | None) -> dict[str, Any]:
    return {
        "operation": part.name,
        "verdict": part.words,
        "cases": len(part.findings),
        "failed": len(part.having(Status.failed)),
        "judged": part.judged,
        "mistake": report.mistakes.get(part.name),
        "diagnosis": part.diagnosis,
        "counterexample": None if finding is None else finding.id,
    }


def _counterexample(report: Report, finding: Finding) -> dict[str, Any]:
    worst = finding.worst
    wrong = worst is not None and worst.at is not None and not worst.ratio <= 1
    entry = None
    if worst is not None and wrong:
        entry = {
            "tensor": worst.name,
            "at": worst.at,
            "computed": worst.computed,
            "exact": worst.exact,
            "bound": worst.bound,
            "wrong": worst.wrong,
        }
    return {
        "id": finding.id,
        "says": said(finding) or [headline(finding)],
        "severity": severity(finding),
        "shapes": finding.arguments,
        "arguments": _numbers(finding),
        "entry": entry,
        "references": references(finding.operation, finding.regime),
        "replay": replay(report, finding),
    }


def _numbers(finding: Finding) -> dict[str, Any] | None:
    """The arguments themselves, of a small case."""
    if entries(finding) > SHOWN:
        return None

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.tolist()
        return [plain(each) for each in value] if isinstance(value, list | tuple) else value

    return {name: plain(value) for name, value in case_of(finding.id).arguments.items()}
