"""`pp-ref conform`: every case put to a candidate, judged, and what is wrong said in words."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from pp_ref.oracle.candidates.processes import Candidate
from pp_ref.oracle.operations.cases import Case, chosen
from pp_ref.oracle.operations.truth import Expected, truth
from pp_ref.oracle.verdict.diagnosis import Evidence, diagnose
from pp_ref.oracle.verdict.findings import Finding, Report, Status
from pp_ref.oracle.verdict.judge import judge
from pp_ref.records import circumstances

__all__ = ["conform"]


def conform(
    candidate: Candidate,
    arithmetic: str | None = None,
    only: Sequence[str] = (),
    seed: int = 0,
    quick: bool = False,
    replay: str | None = None,
    among: Sequence[str] | None = None,
    expected: Callable[[Case], list[Expected]] = truth,
    progress: Callable[[Finding], None] = lambda finding: None,
) -> Report:
    """Judge a candidate's functions against exact values and derived bounds.

    candidate   who answers: `InProcess` or `InWorker`, or `pp_ref.oracle.candidates.answers.Answers` by files
    arithmetic  that it is held to; None: what it declares, float64 if nothing
    only        names of operations; none: all
    seed        from which every case is drawn
    quick       the regimes that find most mistakes, in a fraction of the time
    replay      the id of one case, which alone is run
    among       ids of the cases there are, an operation's in a row; None: all that the seed draws
    expected    what the results of a case have to be
    progress    called with every finding
    raises      DomainError for an unknown operation, arithmetic or case
    """
    started = time.perf_counter()
    name = arithmetic or candidate.arithmetic
    findings: list[Finding] = []
    diagnoses: dict[str, str] = {}
    calls: dict[str, None] = {}
    for operation, drawn in chosen(name, only, seed, quick, replay, among):
        evidence = []
        for case in drawn:
            seen = candidate.observe(case)
            calls |= dict.fromkeys(seen.provenance)
            due = expected(case) if seen.results else []
            evidence.append(Evidence(case, due, seen, judge(case, due, seen)))
        # Diagnose unexpected failures first; expected ones carry the candidate's reason.
        unannounced = [each for each in evidence if candidate.expects(each.case, each.seen) is None]
        said = diagnose(operation, unannounced) or diagnose(operation, evidence)
        if said:
            diagnoses[operation.name] = said
        for each in evidence:
            finding = each.finding
            if finding.status in (Status.failed, Status.suspicious) and said:
                finding = replace(finding, diagnosis=said)
            reason = candidate.expects(each.case, each.seen)
            if reason is not None and finding.status != Status.not_provided:
                finding = finding.expecting(reason)
            findings.append(finding)
            progress(finding)
    took = time.perf_counter() - started
    return Report(
        candidate.name,
        name,
        seed,
        [finding.suspecting(candidate.later.get(finding.id)) for finding in findings],
        diagnoses,
        circumstances() | {"calls": list(calls)},
        took,
        forward_only=candidate.forward_only,
    )
