"""`pp-ref conform`: every case put to a candidate, judged, and what is wrong said in words."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from pp_ref.oracle.candidates.behaviour import Observation
from pp_ref.oracle.candidates.processes import Candidate
from pp_ref.oracle.operations.cases import Case, chosen
from pp_ref.oracle.operations.far import memory, memory_available
from pp_ref.oracle.operations.nested import described, leaves
from pp_ref.oracle.operations.operation import Operation
from pp_ref.oracle.operations.truth import Expected, truth, work
from pp_ref.oracle.verdict.diagnosis import Diagnosis, Evidence, diagnose
from pp_ref.oracle.verdict.findings import Finding, Report, Status
from pp_ref.oracle.verdict.judge import judge
from pp_ref.records import circumstances

__all__ = ["conform"]

CALLS = 6  # that `observe` makes of the functions, nearly, where `Observation.seconds` is of one


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
    thorough: bool = False,
    known: dict[str, Diagnosis | None] | None = None,
    far: bool = False,
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
    thorough    also large cases that take longer
    known       operation -> its diagnosis: what is there is not made again by a replay, and what is made is put there.
                A case that fails is diagnosed from all cases of its operation, so that a replay says what a run does
    far         also cases of arrays beyond 2^31 bytes, and beyond 2^31 entries, where there is the memory for them
    raises      DomainError for an unknown operation, arithmetic or case

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.oracle import InProcess, conform
    >>> def relu_forward(v):
    ...     return np.maximum(v, 0), v
    >>> def relu_backward(dy, cache):
    ...     return dy  # wrong: it has to be 0 where v < 0
    >>> candidate = InProcess({"relu_forward": relu_forward, "relu_backward": relu_backward})
    >>> report = conform(candidate, only=["relu"], quick=True)
    >>> report.diagnoses["relu"].partition(";")[0], report.exit_code
    ('relu_backward passes dy on where v < 0 too', 1)
    """
    started = time.perf_counter()
    name = arithmetic or candidate.arithmetic
    findings: list[Finding] = []
    diagnoses: dict[str, str] = {}
    mistakes: dict[str, str] = {}
    calls: dict[str, None] = {}
    known = {} if known is None else known
    for operation, drawn in chosen(name, only, seed, quick, replay, among, thorough, far=far):
        evidence, left_out = _looked_at(candidate, drawn, expected, replay is None)
        for each in evidence:
            calls |= dict.fromkeys(each.seen.provenance)
        wrong = any(each.finding.status in (Status.failed, Status.suspicious) for each in evidence)
        if replay is not None and wrong and operation.name not in known:
            # A case alone does not tell what it is a case of.
            _, of, seed_ = replay.rsplit("/", 2)
            ((_, every),) = chosen(of, [operation.name], int(seed_), quick, None, among, thorough)
            others, _ = _looked_at(candidate, every, expected, True, {replay: evidence[0]})
            known[operation.name] = _diagnosed(candidate, operation, others)
        said = known[operation.name] if operation.name in known else _diagnosed(candidate, operation, evidence)
        if said and wrong:
            diagnoses[operation.name], mistakes[operation.name] = said.sentence, said.identifier
        for each in evidence:
            finding = each.finding
            if finding.status in (Status.failed, Status.suspicious) and said:
                finding = replace(finding, diagnosis=said.sentence)
            reason = candidate.expects(each.case, each.seen)
            if reason is not None and finding.status != Status.not_provided:
                finding = finding.expecting(reason)
            findings.append(finding)
            progress(finding)
        findings += left_out
        for finding in left_out:
            progress(finding)
    took = time.perf_counter() - started
    return Report(
        candidate.name,
        name,
        seed if replay is None else int(replay.rpartition("/")[2]),
        [finding.suspecting(candidate.later.get(finding.id)) for finding in findings],
        diagnoses,
        circumstances() | {"calls": list(calls), "algorithms": dict(candidate.algorithms)},
        took,
        forward_only=candidate.forward_only,
        mistakes=mistakes,
        options=tuple(option for option, chosen_ in {"--quick": quick, "--thorough": thorough}.items() if chosen_),
    )


def _looked_at(
    candidate: Candidate,
    drawn: Iterable[Case],
    expected: Callable[[Case], list[Expected]],
    choose: bool,
    known: Mapping[str, Evidence] = MappingProxyType({}),
) -> tuple[list[Evidence], list[Finding]]:
    """Every case of an operation judged, but those that are known; and what was left out, if there is a choice."""
    order: list[str] = []
    left_out: list[Finding] = []

    def unknown() -> Iterator[Case]:
        for case in drawn:
            order.append(case.id)
            if case.id not in known:
                yield case.by(candidate.algorithms.get(case.operation.name))

    evidence = dict(known)
    for case, seen in _seen(candidate, unknown(), left_out, not choose):
        due = expected(case) if seen.results else []
        evidence[case.id] = Evidence(case, due, seen, judge(case, due, seen))
    return [evidence[identity] for identity in order if identity in evidence], left_out


def _diagnosed(candidate: Candidate, operation: Operation, evidence: Sequence[Evidence]) -> Diagnosis | None:
    """Unexpected failures first; expected ones carry the candidate's reason."""
    unannounced = [each for each in evidence if candidate.expects(each.case, each.seen) is None]
    return diagnose(operation, unannounced) or diagnose(operation, evidence)


def _seen(
    candidate: Candidate, drawn: Iterator[Case], left_out: list[Finding], every: bool
) -> Iterator[tuple[Case, Observation]]:
    """Each case with what was seen; the candidate works on the next one while this one is judged.

    left_out  takes the findings of cases that are left out
    every     whether none is
    """
    speed = _Speed(candidate.time_limit)
    before: tuple[Case, Observation] | None = None
    for case in drawn:
        if not every and case.large and before and not before[1].provided:
            break
        if reason := _impossible(case) or (None if every else speed.exceeded(case)):
            left_out.append(_left_out(case, reason))
            continue
        candidate.begin(case)
        if before:
            yield before
        before = case, candidate.observe(case)
        speed.see(*before)
    if before:
        yield before


class _Speed:
    """How long a candidate's functions take, from the smaller cases of an operation."""

    def __init__(self, limit: float | None) -> None:
        self.limit, self.rate, self.largest = limit, math.inf, 0

    def see(self, case: Case, seen: Observation) -> None:
        """The least time of a product or a sum: calls that load libraries take longer. What raised tells nothing."""
        if self.limit is not None and seen.results:
            self.rate = min(self.rate, seen.seconds / max(work(case), 1))
            self.largest = max(self.largest, _extent(case))

    def exceeded(self, case: Case) -> str | None:
        """Why a large case is left out, if it is."""
        if self.limit is None or not case.large or case.copies > 1 or not math.isfinite(self.rate):
            return None
        expected = CALLS * self.rate * work(case)
        if expected <= self.limit:
            return None
        return (
            f"looked at up to an extent of {self.largest}, not at this one of {_extent(case)}: it would take about "
            f"{expected:.0f} s, and the limit is {self.limit:g} s: allow more with --limit"
        )


def _impossible(case: Case) -> str | None:
    """Why a case beyond what 32 bits count is left out, if it is."""
    if case.copies == 1:
        return None
    if case.arithmetic.algorithm is not None:
        return f"of {case.arithmetic.algorithm} no bound is derived for so many examples"
    needed, there = memory(case), memory_available()
    if needed <= there:
        return None
    return f"it needs {needed / 2**30:.0f} GiB of memory at least, and {there / 2**30:.0f} GiB are available"


def _extent(case: Case) -> int:
    """The longest axis of an argument."""
    return max(max(np.shape(x), default=0) for value in case.arguments.values() for x in leaves(value))


def _left_out(case: Case, reason: str) -> Finding:
    return Finding(
        case.id,
        case.operation.name,
        case.regime,
        Status.left_out,
        bug=case.bug,
        effect=case.effect,
        reason=reason,
        arguments={name: described(value) for name, value in case.arguments.items()},
    )
