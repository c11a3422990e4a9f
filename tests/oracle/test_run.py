"""A run: what is chosen, what is reported, what its exit code is."""

import re
import time

import numpy as np
import pytest

from pp_ref import layers
from pp_ref.errors import DomainError
from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.operations.cases import chosen
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.verdict.findings import Status

RIGHT = {"relu_forward": layers.relu_forward, "relu_backward": layers.relu_backward}


def changed(change):
    """relu, whose y is put through a change."""

    def forward(v):
        y, cache = layers.relu_forward(v)
        return change(y), cache

    return RIGHT | {"relu_forward": forward}


WRONG = changed(lambda y: y + (y.shape[0] == y.shape[1]))


def quick(name):
    """How many cases an operation has."""
    (drawn,) = (drawn for _, drawn in chosen("float64", [name], quick=True))
    return len(list(drawn))


def test_only_what_is_asked_for_in_the_tables_order():
    report = conform(InProcess(layers), only=["relu", "dense"], quick=True)
    assert [f.operation for f in report.findings] == ["dense"] * quick("dense") + ["relu"] * quick("relu")
    assert (report.candidate, report.arithmetic, report.seed) == ("candidate", "float64", 0)
    assert report.seconds > 0
    assert "versions" in report.environment


def test_everything_else_is_not_provided():
    report = conform(InProcess(RIGHT), quick=True)
    counts = report.counts
    assert counts[Status.passed] == quick("relu")
    assert counts[Status.not_provided] == len(report.findings) - counts[Status.passed]
    assert {f.operation for f in report.findings} == {operation.name for operation in OPERATIONS}
    assert report.exit_code == 0


def test_a_replay_is_that_case_alone():
    first = conform(InProcess(WRONG), only=["relu"], seed=4)
    failed = next(f for f in first.findings if f.status == Status.failed)
    (again,) = conform(InProcess(WRONG), replay=failed.id).findings
    assert (again.id, again.tensors, again.status) == (failed.id, failed.tensors, failed.status)
    assert again.id.endswith("/4")


def test_the_arithmetic_is_the_candidates_unless_another_is_asked_for():
    candidate = InProcess(RIGHT, arithmetic="float32")
    assert conform(candidate, only=["relu"], quick=True).arithmetic == "float32"
    assert conform(candidate, arithmetic="float16", only=["relu"], quick=True).findings[0].id == "relu/plain/float16/0"


def test_unknown_names():
    with pytest.raises(DomainError, match="^only is 'dens', expected one of dense, pool, "):
        conform(InProcess({}), only=["dens"])
    with pytest.raises(DomainError, match=r"^only is 'dense', expected a list of operations: pass \['dense'\]$"):
        conform(InProcess({}), only="dense")
    with pytest.raises(DomainError, match="^id is 'relu', expected OPERATION/REGIME/ARITHMETIC/SEED"):
        conform(InProcess({}), replay="relu")
    with pytest.raises(DomainError, match="^arithmetic is 'half', expected one of float64"):
        conform(InProcess({}), arithmetic="half")


def test_expected_failures_and_unexpected_passes():
    reasons = {"relu/square/*": "adds one to four rows", "relu/plain/*": "is broken", "maxout/*": "not there"}
    report = conform(InProcess(WRONG, expected=reasons), only=["relu", "maxout"], quick=True)
    found = {f.id.rpartition("/float64")[0]: f for f in report.findings}
    square, plain = found["relu/square"], found["relu/plain"]
    assert (square.status, square.reason) == (Status.expected, "adds one to four rows")
    assert square.diagnosis
    assert (plain.status, plain.reason) == (Status.unexpected_pass, "is broken")
    assert found["maxout/plain"].status == Status.not_provided
    assert report.exit_code == 1
    announced = InProcess(WRONG, expected={"relu/square/*": "adds one"})
    assert conform(announced, only=["relu"], quick=True).exit_code == 0


def test_exit_codes():
    slightly = changed(lambda y: y + np.log(np.zeros(1)).clip(0, 0))
    codes = [conform(InProcess(f), only=["relu"], quick=True).exit_code for f in (RIGHT, WRONG, slightly)]
    assert codes == [0, 1, 2]


def test_progress_sees_every_finding():
    seen = []
    report = conform(InProcess(WRONG), only=["relu", "dense"], quick=True, progress=seen.append)
    assert seen == report.findings


def slow(seconds):
    """A dense layer that takes so long for every product."""

    def forward(v, W, b):
        time.sleep(seconds * v.size * W.shape[1])
        return v @ W + b, None

    return {"dense_forward": forward}


def test_large_cases_that_would_take_too_long_are_left_out_with_a_reason():
    report = conform(InProcess(slow(1e-7), time_limit=0.5), only=["dense"], quick=True)
    left = [finding for finding in report.findings if finding.status == Status.left_out]
    assert left
    assert all(finding.regime.startswith("edges ") for finding in left)
    assert re.match(
        r"looked at up to an extent of \d+, not at this one of \d+: it would take about \d+ s, and the limit is 0.5 s",
        left[0].reason,
    )
    assert report.counts[Status.failed] == 0
    quickly = conform(InProcess(slow(0), time_limit=20), only=["dense"], quick=True)
    assert quickly.counts[Status.left_out] == 0


def test_a_thorough_run_has_more_large_cases_which_have_ids_too():
    kinds = {
        case.regime.rpartition(" ")[0] for _, drawn in chosen("float64", ["relu"], thorough=True) for case in drawn
    }
    assert {"edges", "long edges"} <= kinds
    (finding,) = conform(InProcess(RIGHT), replay="relu/long edges 0/float32/7").findings
    assert finding.status == Status.passed


def test_what_a_case_does_after_it_has_returned_makes_it_suspicious():
    candidate = InProcess(RIGHT)
    candidate.later["relu/tails/float64/0"] = "leaves a thread running"
    report = conform(candidate, only=["relu"], quick=True)
    statuses = {finding.regime: (finding.status, finding.messages) for finding in report.findings}
    assert statuses.pop("tails") == (Status.suspicious, ("leaves a thread running",))
    assert set(statuses.values()) == {(Status.passed, ())}
    assert report.exit_code == 2
