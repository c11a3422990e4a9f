"""The worked example in C++: compiled, it conforms; each of its planted mistakes is named."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pp_ref.oracle import conform
from pp_ref.oracle.candidates.answers import Answers
from pp_ref.oracle.candidates.vectors import export

SOURCES = Path(__file__).resolve().parents[2] / "docs" / "examples" / "cpp"
OPERATIONS = ["dense", "pool", "sigmoid", "softmax_cross_entropy"]
MISTAKES = {
    "FORGET_SIGMOID_PRIME": ("sigmoid", "sigmoid_backward equals the right value without sigmoid'"),
    "SUM_FOR_MEAN": (
        "softmax_cross_entropy",
        "softmax_cross_entropy_forward sums over the batch where the mean belongs, and softmax_cross_entropy_backward "
        "equals the right value without 1/n",
    ),
    "SKIP_TAIL": (
        "dense",
        "y is wrong in 140 of 1,260 entries, all from 40 of rows on, where 0 stands; the rest is within its bounds",
    ),
}


def compiled(out, *flags):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: the example in C++ is compiled with it")
    command = ["g++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-Wpedantic", *flags]
    done = subprocess.run(
        [*command, "-o", str(out), str(SOURCES / "answers.cpp")], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""  # no warning
    return out


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """With every index watched while it runs."""
    return compiled(tmp_path_factory.mktemp("cpp") / "answers", "-D_GLIBCXX_ASSERTIONS")


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


def judged(program, folder):
    done = run(program, folder)
    assert (done.returncode, done.stderr) == (0, "")
    answers = Answers(folder)
    return conform(answers, seed=answers.seed, among=answers.ids)


@pytest.mark.parametrize("arithmetic", ["float32", "float64"])
def test_the_example_conforms(arithmetic, program, tmp_path):
    export(tmp_path, arithmetic, only=OPERATIONS)
    report = judged(program, tmp_path)
    assert report.candidate == "C++ example"
    assert {finding.operation for finding in report.findings} == set(OPERATIONS)
    assert {str(finding.status) for finding in report.findings} == {"passed"}, report.diagnoses


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake, tmp_path):
    operation, said = MISTAKES[mistake]
    wrong = compiled(tmp_path / "answers", f"-D{mistake}")
    for arithmetic in ("float32", "float64"):
        export(tmp_path / "vectors", arithmetic, only=OPERATIONS, quick=True)
        report = judged(wrong, tmp_path / "vectors")
        assert list(report.diagnoses) == [operation]
        assert said in report.diagnoses[operation]
        assert report.exit_code == 1


def test_other_operations_are_left_alone(program, tmp_path):
    export(tmp_path, only=["relu"], quick=True)
    assert run(program, tmp_path).returncode == 0
    assert not list((tmp_path / "answers").glob("*.safetensors"))


@pytest.mark.parametrize("keep", [0, 7, 60, -8])
def test_it_refuses_what_is_truncated(keep, program, tmp_path):
    export(tmp_path, only=["dense"], quick=True)
    path = tmp_path / "dense.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    done = run(program, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("answers: ")
    assert "truncated" in done.stderr or "no safetensors header" in done.stderr


def test_another_dtype_is_refused(program, tmp_path):
    export(tmp_path, "bfloat16", only=["dense"], quick=True)
    done = run(program, tmp_path)
    assert (done.returncode, done.stderr) == (1, "answers: a tensor is BF16, expected 8 bytes a number\n")


def test_usage(program):
    done = run(program)
    assert (done.returncode, done.stderr) == (2, "usage: answers FOLDER, which pp-ref vectors export wrote\n")
