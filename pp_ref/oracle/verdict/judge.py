"""The verdict on one case: every result's share of its bound."""

import numpy as np
from numpy.typing import NDArray

from pp_ref.oracle.candidates.behaviour import Observation
from pp_ref.oracle.operations.cases import Case
from pp_ref.oracle.operations.nested import described
from pp_ref.oracle.operations.truth import Expected
from pp_ref.oracle.verdict.findings import Finding, Status, TensorVerdict
from pp_ref.oracle.verdict.judged import inputs_of, judged

__all__ = ["judge", "shares"]

MAPPED = 2**13  # entries of a tensor whose errors a report keeps one by one


def judge(case: Case, expected: list[Expected], seen: Observation) -> Finding:
    """Compare what a candidate returned with what it has to be.

    returns  a Finding without a diagnosis

    Examples
    --------
    >>> from pp_ref import layers
    >>> from pp_ref.oracle import InProcess, judge, truth
    >>> from pp_ref.oracle.operations.cases import case_of
    >>> case = case_of("dense/one example/float64/0")
    >>> judge(case, truth(case), InProcess(layers).observe(case)).status.value
    'passed'
    """
    if not seen.provided:
        status = Status.suspicious if seen.warnings else Status.not_provided
        return _finding(case, status, seen, messages=tuple(seen.warnings))
    verdicts, messages = [], list(seen.messages)
    if not seen.results and not messages:
        messages.append("returns no array at all")
    inputs = [] if case.wild else inputs_of(case, expected)
    misshapen = any(each.kind == "value" and _shape(seen, each) != each.exact.shape for each in expected)
    for each in expected:
        if case.wild and each.kind == "gradient":
            continue
        if each.name not in seen.results:
            unasked = each.kind == "gradient" and (seen.missing or seen.forward_only or misshapen)
            if seen.results and not unasked:
                messages.append(f"{each.name} is missing from what it returns")
            continue
        computed = seen.results[each.name]
        if computed.shape != each.exact.shape:
            messages.append(f"{each.name} has shape {computed.shape}, expected {each.exact.shape}")
            continue
        worst = max((_verdict(each, x, inputs) for x in seen.runs(each.name)), key=lambda verdict: verdict.ratio)
        verdicts.append(_pattern(each, computed, case.arithmetic.algorithm is not None) if case.wild else worst)
    names = {each.name for each in expected}
    messages += [f"returns {name}, which nobody asked for" for name in seen.results if name not in names]
    failed = bool(messages)
    messages += seen.warnings
    if failed or any(not verdict.ratio <= 1 for verdict in verdicts):
        status = Status.failed
    elif seen.warnings or any(not verdict.likely <= 1 for verdict in verdicts):
        status = Status.suspicious
    else:
        known = [verdict.judged for verdict in verdicts if verdict.judged is not None]
        status = Status.passed if any(known) or not known else Status.not_judged
    return _finding(case, status, seen, tuple(verdicts), tuple(messages))


def _shape(seen: Observation, expected: Expected) -> tuple[int, ...] | None:
    computed = seen.results.get(expected.name)
    return None if computed is None else computed.shape


def shares(
    computed: NDArray[np.float64], exact: NDArray[np.float64], allowed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """|computed - exact| / allowed, entry by entry: 0 where both are equal, infinite where one is NaN alone.

    Where infinity is allowed, an overflow is 0 as well.
    """
    with np.errstate(all="ignore"):
        error = np.where(computed == exact, 0.0, abs(computed - exact))
        found = np.where((error == 0) | (np.isposinf(allowed) & ~np.isnan(error)), 0.0, error / allowed)
    return np.where(np.isnan(found), np.inf, found)


def _verdict(expected: Expected, computed: NDArray[np.float64], inputs: list[NDArray[np.float64]]) -> TensorVerdict:
    computed = expected.compared(computed)
    ratio = shares(computed, expected.exact, expected.bound)
    likely = shares(computed, expected.exact, expected.spread)
    share = float(np.mean(judged(expected, inputs))) if ratio.size else None
    return _tensor(expected, computed, ratio, float(np.max(likely, initial=0.0)), share)


def _pattern(expected: Expected, computed: NDArray[np.float64], spreads: bool) -> TensorVerdict:
    """Of NaN or infinity among the arguments: whether what is finite, and what is NaN, is the same.

    spreads  more may be NaN, by an algorithm that adds up what it subtracts again: what is not finite is not, either
    """
    differs = (np.isnan(computed) != np.isnan(expected.exact)) & (np.isfinite(computed) | np.isfinite(expected.exact))
    if spreads:
        differs = np.isfinite(computed) & ~np.isfinite(expected.exact)
    ratio = np.where(differs, np.inf, 0.0)
    return _tensor(expected, computed, ratio, 0.0)


def _tensor(
    expected: Expected,
    computed: NDArray[np.float64],
    ratio: NDArray[np.float64],
    likely: float,
    judged: float | None = None,
) -> TensorVerdict:
    if ratio.size == 0:
        return TensorVerdict(expected.name, ratio.shape, 0.0, 0.0)
    bad = ratio > 1
    flat = int(np.argmax(bad)) if bad.any() else int(np.argmax(ratio))  # the first bad entry
    at = tuple(int(i) for i in np.unravel_index(flat, ratio.shape))
    return TensorVerdict(
        name=expected.name,
        shape=ratio.shape,
        ratio=float(ratio.max()),
        likely=likely,
        at=at,
        computed=float(computed[at]),
        exact=float(expected.exact[at]),
        bound=float(expected.bound[at]),
        wrong=int(bad.sum()),
        errors=tuple(float(r) for r in ratio.ravel()) if bad.any() and ratio.size <= MAPPED else None,
        judged=judged,
    )


def _finding(
    case: Case,
    status: Status,
    seen: Observation,
    verdicts: tuple[TensorVerdict, ...] = (),
    messages: tuple[str, ...] = (),
) -> Finding:
    return Finding(
        id=case.id,
        operation=case.operation.name,
        regime=case.regime,
        status=status,
        tensors=verdicts,
        messages=messages,
        bug=case.bug,
        effect=case.effect,
        seconds=seen.seconds,
        arguments={name: described(value) for name, value in case.arguments.items()},
        missing=tuple(seen.missing),
        calls=seen.calls,
    )
