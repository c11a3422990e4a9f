"""The one object of a run, the case that is shown, the script of a case, and references."""

import json
import subprocess
import sys

import pytest

from pp_ref.errors import DomainError
from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.candidates import own
from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.reports import failure, verdict_object
from pp_ref.oracle.reports.references import REFERENCES, references
from pp_ref.oracle.reports.script import script
from pp_ref.oracle.reports.telling import severity, telling
from pp_ref.oracle.verdict.findings import Report, Status
from tests.cli.runner import invoke
from tests.oracle.reports.sample import REPORTS, bad, case, good, not_a_number

WRONG = """
from pp_ref.layers import dense_backward, dense_forward as right

print("words of the candidate")

def dense_forward(v, W, b):
    y, cache = right(v, W, b)
    return y - b, cache
"""


@pytest.fixture
def mine(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(WRONG)
    return str(file)


def test_the_object_alone_is_on_standard_output(mine):
    result = invoke("conform", mine, "--only", "dense", "--quick", "--seed", "3", "--json", "-")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["schema"], found["exit_code"], found["seed"]) == ("pp_ref.verdict/1", 1, 3)
    (operation,) = found["operations"]
    assert operation["mistake"] == "dense_forward/bias omitted"
    assert operation["diagnosis"].startswith("dense_forward leaves out the bias")
    example = found["counterexample"]
    assert example["id"] == operation["counterexample"]
    given = case_of(example["id"]).arguments
    assert example["arguments"] == {name: value.tolist() for name, value in given.items()}
    assert example["shapes"] == {name: list(value.shape) for name, value in given.items()}
    assert example["entry"]["computed"] != example["entry"]["exact"]
    again = json.loads(invoke("conform", mine, "--quick", "--replay", example["id"], "--json", "-").stdout)
    assert again["operations"][0]["mistake"] == operation["mistake"]
    assert again["operations"][0]["diagnosis"] == operation["diagnosis"]


def test_what_cannot_be_judged_is_an_object_too(tmp_path):
    result = invoke("conform", str(tmp_path / "missing.py"), "--json", "-")
    assert result.exit_code == json.loads(result.stdout)["exit_code"] == 3
    assert json.loads(failure("no")) == {
        "schema": "pp_ref.verdict/1",
        "exit_code": 3,
        "verdict": "nothing could be judged",
        "error": "no",
    }
    assert "expected '-'" in invoke("conform", "x.py", "--json", "a.json").output


@pytest.mark.parametrize("name", [name for name in REPORTS if name != "hostile"])
def test_every_report_has_an_object(name):
    found = json.loads(verdict_object(REPORTS[name]))
    assert found["exit_code"] == REPORTS[name].exit_code
    assert all(each["verdict"] != "not provided" for each in found["operations"])


def test_the_smallest_case_with_a_finite_number_is_shown():
    arguments = {"v": [9, 15]}
    small = case("dense", "plain", Status.failed, bad("y", (2, 2), [(0, 0)]), arguments={"v": [2, 2]})
    large = case("dense", "tails", Status.failed, bad("y", (9, 15), [(0, 0)]), arguments=arguments)
    empty = case("dense", "no example", Status.failed, arguments={"v": [0, 3]}, messages=("raised",))
    nan = case("dense", "one example", Status.failed, not_a_number("y", (1, 2)), arguments={"v": [1, 2]})
    assert telling([empty, nan, large, small]) is small
    assert telling([empty, nan]) is nan
    assert telling([empty]) is empty


@pytest.mark.parametrize(
    ("ratio", "words"), [(1.9, "barely: 1.9 times its bound"), (9.0, "a little: 9"), (1e15, "completely: 1e+15 times")]
)
def test_how_severe_it_is(ratio, words):
    assert severity(case("dense", "plain", Status.failed, good(ratio=ratio))).startswith(words)
    assert severity(case("dense", "plain", Status.passed, good())) is None


@pytest.mark.parametrize("operation", ["pool", "softmax", "mlp"])
def test_a_script_shows_the_mistake_by_itself(operation, tmp_path):
    """It imports NumPy and the candidate; right functions end it with 0."""
    twice = tmp_path / "twice.py"
    right = "from pp_ref.oracle.candidates import own\nglobals().update(own.functions())\n"
    forward = own.functions()
    name = next(each for each in forward if each.partition("_forward")[0].partition("_loss")[0] == operation)
    change = "type(y)(2 * x for x in y)" if operation == "pool" else "2 * y"
    paired = f"def wrong(*a):\n    y, more = right(*a)\n    return {change}, more\n"
    plain = "def wrong(*a):\n    return 2 * right(*a)\n"
    twice.write_text(right + f"right = {name}\n" + (plain if operation == "softmax" else paired) + f"{name} = wrong\n")
    found = conform_file(twice, operation)
    path = tmp_path / "case.py"
    path.write_text(script(found, "numpy"))
    result = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert result.returncode == 1, result.stderr
    assert "expected" in result.stdout
    other = tmp_path / "right.py"
    other.write_text(right)
    result = subprocess.run([sys.executable, str(path), str(other)], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def conform_file(path, operation):
    names: dict = {}
    exec(path.read_text(), names)
    report = conform(InProcess(names, str(path)), only=[operation], quick=True, seed=2)
    assert report.exit_code == 1
    return report


def test_a_script_of_nothing_is_refused():
    with pytest.raises(DomainError, match="no case fails"):
        script(Report("c", "float64", 0, ()), "numpy")


def test_references_are_of_regimes_that_there_are():
    assert references("max_pool2d", "geometry 12") == ("onnx#5276",)
    assert references("dense", "NaN in v") == ("tensorflow#2501", "pytorch#7645")
    assert references("dense", "plain") == ()
    assert references("dense", "edges 3") == REFERENCES["edges"]
