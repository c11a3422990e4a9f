"""A report as JUnit XML."""

from xml.etree import ElementTree

import pytest

from pp_ref.oracle.reports.junit import content
from pp_ref.oracle.reports.words import printable
from pp_ref.oracle.verdict.findings import Status
from tests.oracle.reports.sample import HOSTILE, REPORTS, sample


def parsed(report):
    return ElementTree.fromstring(content(report))


@pytest.mark.parametrize("name", REPORTS)
def test_every_case_is_there_and_counted(name):
    report, suites = REPORTS[name], parsed(REPORTS[name])
    assert suites.tag == "testsuites"
    cases = suites.findall("testsuite/testcase")
    assert sorted(case.get("name") for case in cases) == sorted(printable(finding.id) for finding in report.findings)
    for counted in (suites, *suites):
        inside = counted.findall(".//testcase")
        assert int(counted.get("tests")) == len(inside)
        assert int(counted.get("failures")) == sum(case.find("failure") is not None for case in inside)
        assert int(counted.get("skipped")) == sum(case.find("skipped") is not None for case in inside)
        assert counted.get("errors") == "0"
    assert (report.exit_code == 1) == (int(suites.get("failures")) > 0)


@pytest.mark.parametrize(
    ("status", "children"),
    [
        (Status.passed, []),
        (Status.suspicious, ["system-out"]),
        (Status.not_provided, ["skipped"]),
        (Status.not_judged, ["skipped"]),
        (Status.left_out, ["skipped"]),
        (Status.expected, ["skipped"]),
        (Status.unexpected_pass, ["failure"]),
        (Status.failed, ["failure"]),
    ],
)
def test_each_status(status, children):
    ids = {finding.id for finding in sample().findings if finding.status == status}
    cases = [case for case in parsed(sample()).iter("testcase") if case.get("name") in ids]
    assert len(cases) == len(ids) > 0
    for case in cases:
        assert [child.tag for child in case] == children


def find(report, identity):
    return next(case for case in parsed(report).iter("testcase") if case.get("name") == identity)


def test_what_a_failure_says():
    case = find(sample(), "predicted/tails/float32/0")
    failure = case.find("failure")
    assert case.get("classname") == "mylib.layers:torch_layers.predicted"
    assert case.get("time") == "0.250"
    assert failure.get("type") == "failed"
    assert failure.get("message").startswith("dv: the last row is 0")
    assert "tensor: dv (7, 15), 15 of 105 entries are wrong\nentry: dv[6, 0]\n" in failure.text
    assert failure.text.endswith(
        "\nreplay: pp-ref conform mylib.layers:torch_layers --replay predicted/tails/float32/0"
    )


def test_what_is_skipped_says_why():
    assert find(sample(), "rica/plain/float32/0")[0].get("message") == "not provided: no function of this name"
    skipped = find(sample(), "local_response/plain/float32/0")[0]
    assert skipped.get("message") == "expected failure: divides alpha by nothing"
    assert "tensor: dv (4, 3), 1 of 12 entries is wrong" in skipped.text


def test_a_suite_says_what_was_judged():
    suites = {suite.get("name"): suite for suite in parsed(sample())}
    said = {each.get("name"): each.get("value") for each in suites["mlp"].iter("property")}
    assert said == {
        "verdict": "not judged",
        "judged": "0 %",
        "incomplete": "100 % of entries have no useful bound; no entry of y has one in any case",
        "looked at": "extents up to 7, 12 calls",
    }
    skipped = [case[0].get("message") for case in suites["mlp"].iter("testcase")]
    assert skipped == ["not judged: not judged", "left out: 40 s a case"]
    assert "wrong (exit code 1)" in parsed(sample()).get("name")


def test_what_is_suspicious_is_said():
    assert find(sample(), "maxout/ties/float32/1")[0].text.startswith("suspicious: y is 1.1 times as far off")


def test_a_candidates_words_are_text():
    suites = parsed(REPORTS["hostile"])
    assert {child.tag for child in suites.iter()} == {
        "testsuites", "testsuite", "properties", "property", "testcase", "failure", "skipped", "system-out"
    }  # fmt: skip
    assert suites.find("testsuite").get("name") == printable(HOSTILE)
    failure = suites.find(".//failure")
    assert failure.get("message") == printable(HOSTILE)
    assert "two\nlines" in failure.text
    assert "\ufffd" in failure.text
