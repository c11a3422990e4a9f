"""Statuses, what is worst, exit codes."""

import math

import pytest

from pp_ref.oracle.verdict.findings import Finding, Report, Status, TensorVerdict


def finding(status, *ratios):
    tensors = tuple(TensorVerdict(f"y[{i}]", (1,), ratio, ratio) for i, ratio in enumerate(ratios))
    return Finding("dense/plain/float64/0", "dense", "plain", status, tensors)


def test_the_worst_is_the_first_bad_one_or_the_largest():
    assert finding(Status.passed, 0.1, 0.9, 0.5).worst.name == "y[1]"
    assert finding(Status.failed, 0.1, 2.0, 5.0).worst.name == "y[1]"
    assert finding(Status.failed, 0.1, math.nan, 5.0).worst.name == "y[1]"
    assert finding(Status.failed).worst is None


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], 3),
        (["not_provided"], 3),
        (["not_judged", "left_out"], 3),
        (["passed", "not_judged"], 2),
        (["passed", "left_out"], 2),
        (["not_judged", "failed"], 1),
        (["passed", "not_provided", "expected"], 0),
        (["passed", "suspicious"], 2),
        (["suspicious", "failed"], 1),
        (["unexpected_pass", "suspicious"], 1),
    ],
)
def test_exit_codes(statuses, code):
    assert Report("c", "float64", 0, [finding(Status[s]) for s in statuses]).exit_code == code


@pytest.mark.parametrize(("forward_only", "code"), [(False, 2), (True, 0)])
def test_a_missing_backward_is_incomplete_unless_it_was_declared(forward_only, code):
    found = Finding("relu/plain/float64/0", "relu", "plain", Status.passed, missing=("relu_backward",))
    assert Report("c", "float64", 0, [found], forward_only=forward_only).exit_code == code


@pytest.mark.parametrize("status", [Status.not_provided, Status.not_judged, Status.left_out])
def test_what_was_not_looked_at_neither_fails_nor_passes_as_announced(status):
    assert finding(status).expecting("why").status == status


def test_what_was_expected():
    assert finding(Status.failed, 2.0).expecting("why").status == Status.expected
    assert finding(Status.passed, 0.0).expecting("why").status == Status.unexpected_pass
    assert finding(Status.suspicious, 0.5).expecting("why").reason == "why"


def test_counts_name_every_status():
    counts = Report("c", "float64", 0, [finding(Status.passed), finding(Status.passed)]).counts
    assert (counts[Status.passed], counts[Status.failed], set(counts)) == (2, 0, set(Status))


@pytest.mark.parametrize("status", [Status.failed, Status.suspicious])
def test_what_was_announced_is_expected(status):
    finding = Finding("dense/plain/float32/0", "dense", "plain", status).expecting("known")
    assert finding.status == Status.expected
