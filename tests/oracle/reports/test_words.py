"""A report in words."""

import math
import shlex
from dataclasses import replace

import pytest

from pp_ref.oracle.reports.words import details, headline, looked_at, operations, printable, replay, summary, verdict
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
    ("statuses", "worst"),
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
def test_the_verdict_is_as_the_exit_code(statuses, worst):
    report = Report("c", "float32", 0, [case("dense", "plain", status) for status in Status if status in statuses])
    (part,) = operations(report)
    assert part.verdict == worst
    codes = {Status.failed: 1, Status.unexpected_pass: 1, Status.passed: 0, Status.expected: 0, Status.not_provided: 3}
    assert report.exit_code == codes.get(worst, 2)


def test_details_of_a_wrong_tensor():
    report = sample()
    assert details(report, report.findings[4]) == [
        ("wrong", "dv is 1e+05 times its bound away from the exact value"),
        ("tensor", "dv (9, 15), 1 of 135 entries is wrong"),
        ("entry", "dv[8, 0]"),
        ("computed", "0.5476837158203125"),
        ("exact", "0.5"),
        ("allowed", "± 4.77e-07"),
        ("severity", "by far: 1e+05 times its bound"),
        ("regime", "tails, to catch: rows past the last full tile are skipped; "
         "their results are whatever was in memory before"),
        ("seed", "1"),
        ("as in", "llm.c#852, KernelBench#82"),
        ("replay", "pp-ref conform mylib.layers:torch_layers --replay predicted/tails/float32/1"),
    ]  # fmt: skip


def test_details_of_what_has_no_numbers():
    report = sample()
    raised = next(finding for finding in report.findings if finding.messages)
    assert details(report, raised)[:-1] == [("wrong", raised.messages[0]), ("seed", "0")]
    agreed = next(finding for finding in report.findings if finding.status == Status.unexpected_pass)
    assert details(report, agreed)[:-1] == [
        ("judged", "of the entries of W 75 %"),
        ("reason", "flushes subnormals to zero"),
        ("seed", "0"),
    ]


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


def part(*findings):
    (found,) = operations(Report("c", "float16", 0, findings))
    return found


def result(judged, name="y", shape=(4,)):
    return TensorVerdict(name, shape, 0.5, 0.5, (0,), judged=judged)


def test_an_operation_agrees_where_every_result_was_judged_in_some_case():
    """Before, both agreed."""
    first = case("dense", "plain", Status.passed, result(1.0), result(0.0, "dW", (2, 6)))
    assert (part(first).verdict, part(first).words) == (Status.not_judged, "not judged")
    assert part(first).incomplete == "75 % of entries have no useful bound; no entry of dW has one in any case"
    assert Report("c", "float16", 0, [first]).exit_code == 2
    both = part(first, case("dense", "square", Status.passed, result(1.0), result(0.5, "dW", (2, 6))))
    assert (both.words, both.incomplete) == ("agrees", None)
    assert both.judged == (4 + 4 + 6) / (16 + 16)


def test_an_operation_agrees_in_part_where_a_case_was_not_judged_or_left_out_or_a_gradient_is_missing():
    right = case("dense", "plain", Status.passed, result(1.0))
    for other in (
        case("dense", "square", Status.not_judged, result(0.0)),
        case("dense", "large", Status.left_out, reason="40 s a case"),
        case("dense", "square", Status.passed, result(1.0), missing=("dense_backward",)),
    ):
        assert part(right, other).words == "agrees in part"
    assert part(right, other).incomplete == (
        "dense_backward is missing, so no gradient was judged: AUTODIFF = True takes those of torch or jax, "
        "FORWARD_ONLY = True says that there are none"
    )
    assert part(case("dense", "plain", Status.not_judged, result(0.0))).words == "not judged"


def test_what_was_looked_at():
    conv = {"v": [2, 17, 5, 3], "W": [11, 2, 3, 6], "b": [6], "stride": 3, "padding": 4}
    pools = {"v": [1, 9, 9, 1], "size": 4, "stride": 2, "ceil": True}
    tied = {"U": [[9, 3], [18, 2]], "filter_shapes": [[3, 3], [5, 2]]}
    findings = [case("o", "r", Status.passed, arguments=each, calls=7) for each in (conv, pools, tied, {})]
    left_out = case("o", "large", Status.left_out, arguments={"v": [4096]}, calls=0)
    assert looked_at([*findings, left_out]) == (
        "extents up to 18, filters up to 11 x 2, strides up to 3, padding up to 4, 28 calls"
    )
    assert looked_at([left_out]) == ""


def test_the_whole_run_in_a_sentence():
    agreed = case("dense", "plain", Status.passed, result(1.0), arguments={"v": [5, 7]}, calls=1)
    assert verdict(Report("c", "float64", 0, [agreed])) == "all judged and right (exit code 0): extents up to 7, 1 call"
    assert verdict(EMPTY) == "nothing could be judged (exit code 3)"


def test_arguments_in_words():
    conv = {"v": [2, 4, 5, 7], "U": [[6, 3], [6, 2]], "labels": [], "stride": 1, "form": "atom"}
    rows = dict(details(EMPTY, case("o", "r", Status.failed, arguments=conv)))
    assert rows["arguments"] == "v 2 x 4 x 5 x 7, U (6 x 3, 6 x 2), labels number, stride 1, form atom"


def test_printable():
    assert printable("a\tb\nc é λ 😀") == "a\tb\nc é λ 😀"
    for code in (0, 7, 8, 11, 13, 27, 127, 0x85, 0x9B, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF):
        assert printable(f"a{chr(code)}b") == "a\ufffdb"
