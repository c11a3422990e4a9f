"""A report in words."""

import math
import shlex
from dataclasses import replace

import pytest

from pp_ref.oracle.reports.words import details, headline, operations, printable, replay, summary
from pp_ref.oracle.verdict.findings import Finding, Report, Status, TensorVerdict
from tests.oracle.reports.sample import EMPTY, HOSTILE, REPORTS, case, good, sample


@pytest.mark.parametrize("name", REPORTS)
def test_every_case_is_in_one_operation_in_its_place(name):
    parts = operations(REPORTS[name])
    assert len({part.name for part in parts}) == len(parts)
    assert sorted(finding.id for part in parts for finding in part.findings) == sorted(
        finding.id for finding in REPORTS[name].findings
    )
    for part in parts:
        assert list(part.findings) == [case for case in REPORTS[name].findings if case.operation == part.name]


def test_the_share_is_that_of_every_tensor():
    """Finding.worst is the first bad one: dw is worse here."""
    found = case("dense", "plain", Status.failed, good("y", ratio=2.0), good("dw", ratio=3.0))
    (part,) = operations(Report("c", "float32", 0, (found,)))
    assert part.share == 3.0
    (part,) = operations(Report("c", "float32", 0, (case("dense", "plain", Status.failed),)))
    assert part.share is None


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ({Status.passed, Status.not_provided}, Status.passed),
        ({Status.passed, Status.expected}, Status.expected),
        ({Status.expected, Status.suspicious}, Status.suspicious),
        ({Status.suspicious, Status.unexpected_pass}, Status.unexpected_pass),
        (set(Status), Status.failed),
        ({Status.passed, Status.left_out}, Status.left_out),
        ({Status.passed, Status.left_out, Status.not_judged}, Status.not_judged),
        ({Status.not_provided}, Status.not_provided),
    ],
)
def test_the_verdict_is_as_the_exit_code(statuses, verdict):
    report = Report("c", "float32", 0, [case("dense", "plain", status) for status in Status if status in statuses])
    (part,) = operations(report)
    assert part.verdict == verdict
    codes = {Status.failed: 1, Status.unexpected_pass: 1, Status.passed: 0, Status.expected: 0, Status.not_provided: 3}
    assert report.exit_code == codes.get(verdict, 2)


def test_details_of_a_wrong_tensor():
    report = sample()
    assert details(report, report.findings[4]) == [
        ("wrong", "dv is 1e+05 times its bound away from the exact value"),
        ("tensor", "dv (9, 15), 1 of 135 entries is wrong"),
        ("entry", "dv[8, 0]"),
        ("computed", "0.5476837158203125"),
        ("exact", "0.5"),
        ("allowed", "± 4.77e-07"),
        ("regime", "tails, to catch: rows past the last full tile are skipped; "
         "their results are whatever was in memory before"),
        ("replay", "pp-ref conform mylib.layers:torch_layers --replay predicted/tails/float32/1"),
    ]  # fmt: skip


def test_details_of_what_has_no_numbers():
    report = sample()
    raised = next(finding for finding in report.findings if finding.messages)
    assert details(report, raised)[:-1] == [("wrong", raised.messages[0])]
    agreed = next(finding for finding in report.findings if finding.status == Status.unexpected_pass)
    assert details(report, agreed)[:-1] == [("reason", "flushes subnormals to zero")]


def test_a_number_alone_has_no_index():
    tensor = TensorVerdict("y", (), 2.0, 9.0, (), 1.0, 3.0, 1.0, 1, (2.0,))
    rows = dict(details(EMPTY, case("softmax", "plain", Status.failed, tensor)))
    assert rows["tensor"] == "y (), 1 of 1 entry is wrong"
    assert rows["entry"] == "y"


@pytest.mark.parametrize(
    ("finding", "line"),
    [
        ({"diagnosis": "the sign", "messages": ("raised",)}, "the sign"),
        ({"messages": ("raised", "wrote")}, "raised"),
        ({"tensors": (good(ratio=3.25),)}, "y is 3.2 times its bound away from the exact value"),
        ({"tensors": (good(ratio=math.inf),)}, "y is 0.25 where 0.25 is due"),
        ({"tensors": (good(ratio=math.nan),)}, "y is 0.25 where 0.25 is due"),
        (
            {"tensors": (good(), TensorVerdict("dv", (1,), 0.9, 1.5))},
            "dv is 1.5 times as far off as independent roundings make likely",
        ),
        ({"tensors": (TensorVerdict("dv", (1,), 0.9, math.nan),)}, "dv is nan times as far off"),
        ({"tensors": (good(),)}, "failed"),
        ({}, "failed"),
    ],
)
def test_headline(finding, line):
    assert headline(Finding("i", "o", "r", Status.failed, **finding)).startswith(line)


def test_the_command_is_one_that_a_shell_takes_apart_again():
    (finding, *_) = REPORTS["hostile"].findings
    assert shlex.split(replay(REPORTS["hostile"], finding)) == ["pp-ref", "conform", HOSTILE, "--replay", finding.id]
    by_files = replace(REPORTS["hostile"], folder="my vectors")
    assert shlex.split(replay(by_files, finding))[2:] == ["--files", "my vectors", "--replay", finding.id]


def test_summary():
    assert summary(EMPTY) == "empty in float64, seed 7: 0 cases in 0.0 s: nothing ran"
    assert summary(sample()).endswith(
        "seed 0: 17 cases in 4.2 s: 3 passed, 3 suspicious, 1 not judged, 1 left out, 1 not provided, "
        "1 expected failure, 1 unexpected pass, 6 failed"
    )


def test_printable():
    assert printable("a\tb\nc é λ 😀") == "a\tb\nc é λ 😀"
    for code in (0, 7, 8, 11, 13, 27, 127, 0x85, 0x9B, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF):
        assert printable(f"a{chr(code)}b") == "a\ufffdb"
