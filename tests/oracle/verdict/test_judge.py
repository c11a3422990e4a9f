"""Verdicts on results that are made by hand."""

import numpy as np
import pytest

from pp_ref.oracle.candidates.behaviour import Observation
from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.operations.truth import Expected, truth
from pp_ref.oracle.verdict.findings import Status
from pp_ref.oracle.verdict.judge import judge, shares

PLAIN, WILD = case_of("pool_adjoint/plain/float64/0"), case_of("dense/NaN in v/float64/0")
INF, NAN = np.inf, np.nan


def expected(exact, bound=1.0, spread=0.5, name="y", kind="value"):
    exact = np.asarray(exact, float)
    return Expected(name, exact, np.zeros_like(exact), np.full(exact.shape, bound), np.full(exact.shape, spread), kind)


def judged(exact, computed, case=PLAIN, **more):
    results = {"y": np.asarray(computed, float)}
    return judge(case, [expected(exact, **more)], Observation(results=results))


@pytest.mark.parametrize(
    ("computed", "exact", "allowed", "share"),
    [
        (1.0, 1.0, 0.0, 0.0),
        (1.5, 1.0, 0.0, INF),
        (1.5, 1.0, 2.0, 0.25),
        (NAN, 1.0, 1.0, INF),
        (1.0, NAN, 1.0, INF),
        (NAN, 1.0, INF, INF),
        (INF, INF, 1.0, 0.0),
        (INF, -INF, 1.0, INF),
        (INF, 1.0, 1.0, INF),
        (1.0, INF, 1.0, INF),
        (INF, 1.0, INF, 0.0),
        (7.0, 1.0, INF, 0.0),
        (1.0, 1.0, NAN, 0.0),
        (2.0, 1.0, NAN, INF),
    ],
)
def test_a_share_of_the_bound(computed, exact, allowed, share):
    assert shares(*(np.array([x]) for x in (computed, exact, allowed)))[0] == share


@pytest.mark.parametrize(
    ("off", "status"),
    [(0.0, "passed"), (0.5, "passed"), (0.75, "suspicious"), (1.0, "suspicious"), (1.001, "failed"), (NAN, "failed")],
)
def test_a_status_follows_bound_and_spread(off, status):
    assert judged([10.0, -20.0], [10.0, -20.0 + off]).status == status


def test_the_first_bad_entry_is_shown_and_the_worst_share_kept():
    (tensor,) = judged([[0.0, 0.0], [0.0, 0.0]], [[0.0, 3.0], [8.0, 0.5]]).tensors
    assert (tensor.at, tensor.computed, tensor.exact, tensor.ratio, tensor.wrong) == ((0, 1), 3.0, 0.0, 8.0, 2)
    assert tensor.errors == (0.0, 3.0, 8.0, 0.5)
    (tensor,) = judged([0.0, 0.0], [0.25, 0.5]).tensors
    assert (tensor.at, tensor.ratio, tensor.errors) == ((1,), 0.5, None)


def test_empty_tensors_and_numbers():
    assert judged(np.zeros((0, 3)), np.zeros((0, 3))).status == Status.passed
    (tensor,) = judged(1.0, 4.0).tensors
    assert (tensor.at, tensor.ratio) == ((), 3.0)


def test_another_shape_is_said_and_not_broadcast():
    finding = judged([1.0, 1.0], [[1.0, 1.0]])
    assert (finding.status, finding.messages) == (Status.failed, ("y has shape (1, 2), expected (2,)",))


def test_results_that_are_missing_or_too_many():
    one = np.ones(1)
    finding = judge(PLAIN, [expected(one), expected(one, name="dv")], Observation(results={"y": one, "dw": one}))
    assert finding.status == Status.failed
    assert finding.messages == ("dv is missing from what it returns", "returns dw, which nobody asked for")


def test_a_missing_backward_is_no_fault():
    seen = Observation(results={"y": np.full(1, 5.0)}, missing=["dense_backward"])
    due = [expected(np.full(1, 5.0)), expected(np.ones(1), name="dv", kind="gradient")]
    finding = judge(PLAIN, due, seen)
    assert (finding.status, finding.missing) == (Status.passed, ("dense_backward",))


def test_a_case_without_a_judged_entry_is_not_judged():
    """Within its bounds, as zeros would be: this was "passed"."""
    finding = judged([0.5, -0.25], [0.5, -0.25])
    assert (finding.status, [tensor.judged for tensor in finding.tensors]) == (Status.not_judged, [0.0])
    assert judged([10.0, -0.25], [10.0, -0.25]).tensors[0].judged == 1.0


def test_where_no_number_is_compared_nothing_is_asked_of_bounds():
    assert judged(np.zeros((0, 3)), np.zeros((0, 3))).tensors[0].judged is None
    assert judged([NAN, 1.0], [NAN, 5.0], WILD).tensors[0].judged is None


def test_a_finding_has_the_arguments_and_the_calls():
    finding = judge(case_of("conv2d/plain/float64/0"), [], Observation(provided=False, calls=3))
    shapes = finding.arguments
    assert finding.calls == 3
    assert (len(shapes["v"]), len(shapes["W"]), shapes["stride"]) == (4, 4, 1)
    assert judge(case_of("pool/plain/float64/0"), [], Observation(provided=False)).arguments["U"][0] == [7, 3]


def test_what_is_not_provided_what_raised_and_what_warned():
    assert judge(PLAIN, [], Observation(provided=False)).status == Status.not_provided
    finding = judge(PLAIN, [expected(np.ones(1))], Observation(messages=["raised ValueError at a.py:1: no"]))
    assert (finding.status, finding.messages) == (Status.failed, ("raised ValueError at a.py:1: no",))
    warned = Observation(results={"y": np.ones(1)}, warnings=["warns: overflow"])
    assert judge(PLAIN, [expected(np.ones(1))], warned).status == Status.suspicious


@pytest.mark.parametrize(
    ("exact", "computed", "status"),
    [
        ([NAN, 1.0], [NAN, 5.0], "passed"),  # numbers are judged elsewhere
        ([NAN, 1.0], [0.0, 1.0], "failed"),
        ([NAN, 1.0], [NAN, NAN], "failed"),
        ([INF, 1.0], [NAN, 1.0], "passed"),  # neither is finite
        ([INF, 1.0], [INF, 1.0], "passed"),
    ],
)
def test_a_wild_case_compares_where_nan_is(exact, computed, status):
    assert judged(exact, computed, WILD).status == status


def test_a_wild_case_is_judged_by_its_value_alone():
    results = {each.name: each.exact for each in truth(WILD)}
    wrong = results | {"dW": np.zeros_like(results["dW"])}
    assert judge(WILD, truth(WILD), Observation(results=wrong)).status == Status.passed


def test_a_finding_tells_what_its_case_is_for():
    finding = judged([1.0], [1.0])
    assert (finding.id, finding.bug, finding.effect) == (PLAIN.id, PLAIN.bug, PLAIN.effect)
