"""A report on a terminal."""

import re
from io import StringIO

import pytest
from rich.console import Console

from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.reports import print_report
from pp_ref.oracle.verdict.findings import Report, Status
from tests.oracle.reports.sample import REPORTS, case, good, sample


def said(report, **console):
    print_report(report, Console(file=(text := StringIO()), **{"width": 80, **console}))
    return text.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", REPORTS)
def test_no_line_is_too_long_but_the_commands(name, width):
    lines = said(REPORTS[name], width=width).splitlines()
    assert [line for line in lines if len(line) > width and not line.startswith("  replay: pp-ref conform ")] == []


@pytest.mark.parametrize("color", [None, "truecolor"])
def test_a_candidate_sends_nothing_to_the_terminal(color):
    text = said(REPORTS["hostile"], color_system=color, force_terminal=color is not None)
    text = re.sub(r"\x1b\[[0-9;]*m(?!\ufffd)", "", text)  # rich's own
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    assert "\ufffd[31m" in text
    assert "[bold]" in text  # is no markup


def test_nothing_depends_on_colour():
    plain = said(sample())
    coloured = said(sample(), color_system="truecolor", force_terminal=True)
    assert coloured != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_one_line_an_operation():
    rows = {line.split()[0]: line.split()[1:] for line in said(sample()).partition("\n\n")[0].splitlines()[3:]}
    assert rows["dense"] == ["2", "75", "%", "0.07", "agrees"]
    assert rows["predicted"] == ["4", "3", "75", "%", "1e+05", "wrong"]
    assert rows["softmax_cross_entropy"] == ["2", "1", "1", "inf", "wrong"]
    assert rows["maxout"] == ["2", "2", "0.6", "suspicious"]
    assert rows["lowrank"] == ["1", "1", "wrong"]
    assert rows["mlp"] == ["2", "0", "%", "0.03", "not", "judged"]
    assert "rica" not in rows
    assert "\nnot provided: rica\n" in said(sample())


def test_what_is_not_provided_takes_one_line():
    absent = [case(each.name, "plain", Status.not_provided) for each in OPERATIONS if each.name != "dense"]
    report = Report("c", "float64", 0, (case("dense", "plain", Status.passed, good()), *absent))
    line = f"not provided: {len(absent)} operations (pp-ref conform --list has all)"
    assert said(report, width=60).splitlines()[4] == line


def test_a_column_of_zeros_is_left_out():
    text = said(Report("c", "float32", 0, (case("dense", "plain", Status.passed, good()),)))
    assert text.split("\n")[1].split() == ["operation", "cases", "judged", "bound", "verdict"]
    assert len(text.splitlines()) == 7


def test_the_first_failing_case_of_each_operation():
    text = said(sample())
    for operation in ("predicted", "predicted_conv2d", "softmax_cross_entropy", "lowrank"):
        assert len(re.findall(f"^{operation} is wrong( in|:)", text, re.MULTILINE)) == 1
        assert len(re.findall(f"--replay {operation}/", text)) == 1 + (operation == "softmax_cross_entropy")
    part = text[text.index("predicted is wrong") : text.index("predicted_conv2d is wrong")]
    words = " ".join(part.split())
    assert words.startswith("predicted is wrong: dv: rows past the last full tile of 8 are 0 wrong dv:")
    for expected in (
        "tensor dv (7, 15), 15 of 105 entries are wrong",
        "entry dv[6, 0]",
        "computed 0.5476837158203125",
        "exact 0.5",
        "allowed ± 4.77e-07",
        "also wrong dw[1]",
        "regime tails, to catch: rows past the last full tile are skipped; their results are whatever was in memory",
        "replay: pp-ref conform mylib.layers:torch_layers --replay predicted/tails/float32/0",
        "2 more cases fail: tails, powers",
    ):
        assert expected in words


def test_a_diagnosis_is_said_once():
    failed = case("dense", "plain", Status.failed, good(ratio=2.0), diagnosis="dv has the wrong sign")
    text = said(Report("c", "float32", 0, (failed,), {"dense": "dv has the wrong sign"}))
    assert text.count("dv has the wrong sign") == 1


def test_announced_failures_give_their_reasons():
    words = " ".join(said(sample()).split())
    assert "fails as announced local_response: divides alpha by nothing (dv is 1e+05 times its bound away" in words
    assert "passes, though a failure was announced unit_columns: flushes subnormals to zero replay:" in words
    assert "maxout: y is 1.2 times as far off as independent roundings make likely, and 1 more case replay:" in words


def test_different_reasons_are_all_said():
    cases = [case("dense", "plain", Status.expected, reason=reason) for reason in ("one", "other", "one")]
    words = " ".join(said(Report("c", "float32", 0, cases)).split())
    assert "dense: one (expected failure), and 1 more case replay:" in words
    assert "dense: other (expected failure) replay:" in words


def test_what_was_not_judged_is_said():
    words = " ".join(said(sample()).split())
    assert "not judged mlp: 100 % of entries have no useful bound; no entry of y has one in any case replay:" in words
    assert "left out mlp: 40 s a case replay:" in words
    assert words.endswith("6 failed wrong (exit code 1): extents up to 7, 12 calls")


def test_an_empty_report():
    assert said(REPORTS["empty"]).split("\n") == [
        "",
        "empty in float64, seed 7: 0 cases in 0.0 s: nothing ran",
        "nothing could be judged (exit code 3)",
        "",
    ]
