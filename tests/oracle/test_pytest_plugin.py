"""The oracle in other people's pytest: what an item says, and that nothing is loaded unless it is asked for."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]
DENSE = """
    EXPECTED = {"dense/one example/*": "known: issue 12"}

    def dense_forward(v, W, b):
        return v @ W + b, (v, W)

    def dense_backward(dy, cache):
        v, W = cache
        return dy @ W.T, v.T @ dy, dy.sum(axis=0)
"""


@pytest.fixture
def judged(pytester, monkeypatch):
    """Run pytest with the plugin alone, on my_layers.py of this content."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run(content, *arguments, only="dense"):
        pytester.makepyfile(my_layers=content)
        options = ["--pp-ref-candidate", "my_layers.py", "--pp-ref-quick", "--pp-ref-only", only]
        return pytester.runpytest_subprocess("-p", "pp_ref.oracle.pytest_plugin", *options, *arguments)

    return run


def test_what_is_right_passes_and_what_passes_against_its_announcement_fails(judged):
    result = judged(DENSE)
    result.assert_outcomes(passed=7, failed=1)
    result.stdout.fnmatch_lines(["collected 8 items"])
    result.stdout.fnmatch_lines(["*_ dense/one example/float64/0 _*", "[[]XPASS(strict)[]] known: issue 12"])


def test_a_failure_says_what_is_wrong_and_how_to_see_it_again(judged):
    result = judged(DENSE.replace("dy.sum(axis=0)", "dy.mean(axis=0)"), "-k", "not example")
    result.assert_outcomes(failed=6, deselected=2)
    result.stdout.fnmatch_lines(
        [
            "*_ dense/plain/float64/0 _*",
            "wrong: *",
            "tensor: db (4,), 4 of 4 entries are wrong",
            "computed: *",
            "exact: *",
            "replay: pp-ref conform my_layers.py --quick --replay dense/plain/float64/0",
        ]
    )


def test_an_announced_failure_is_an_xfail_with_its_reason(judged):
    result = judged(
        DENSE.replace("dy.sum(axis=0)", "dy.sum(axis=0, ddof=0) if len(dy) == 1 else dy.sum(axis=0)"), "-rx"
    )
    result.assert_outcomes(passed=7, xfailed=1)
    result.stdout.fnmatch_lines(["XFAIL my_layers.py::dense/one example/float64/0 - known: issue 12"])


def test_what_is_not_provided_is_skipped_with_a_reason(judged):
    result = judged(DENSE, "-rs", "--pp-ref-only", "relu", "-k", "relu")
    result.assert_outcomes(skipped=1, deselected=8)
    result.stdout.fnmatch_lines(["SKIPPED *: my_layers.py has no function for relu"])


def test_a_missing_backward_function_is_a_warning_unless_it_is_declared(judged):
    forward = "def relu_forward(v):\n    return v.clip(0), None\n"
    result = judged(forward, only="relu")
    result.assert_outcomes(passed=10, warnings=10)
    result.stdout.fnmatch_lines(["*Suspicious: incomplete: my_layers.py has no relu_backward: write it, or declare *"])
    judged(forward + "FORWARD_ONLY = ['relu']", only="relu").assert_outcomes(passed=10)
    judged(forward + "FORWARD_ONLY = True", only="relu").assert_outcomes(passed=10)


def test_suspicion_is_a_warning(judged):
    """exp overflows on the way to a right result, and NumPy says so."""
    naive = """
        import numpy as np

        FORWARD_ONLY = True

        def sigmoid_forward(v):
            return 1 / (1 + np.exp(-v)), None
    """
    result = judged(naive, only="sigmoid")
    result.assert_outcomes(passed=8, warnings=1)
    result.stdout.fnmatch_lines(["*Suspicious: wrong: warns: overflow encountered in exp", "*replay: pp-ref conform *"])


@pytest.mark.parametrize(
    ("content", "only", "said"),
    [
        ("import nowhere", "dense", "*my_layers.py cannot be imported (*No module named 'nowhere'*"),
        (
            "",
            "dense",
            "*no function of a documented name in my_layers.py; it has: none. Names are such as *",
        ),
        ("def dens_forward(v): pass", "dense", "*it has: dens_forward. dens_forward: did you mean dense_forward[?] *"),
        (DENSE, "relu", "*my_layers.py has no function for relu: nothing could be judged"),
        (DENSE, "convolution", "*only is 'convolution', expected one of dense, *"),
        (DENSE + "    ARITHMETIC = 'int8'", "dense", "*arithmetic is 'int8', expected one of float64, *"),
    ],
)
def test_what_cannot_be_judged_is_said(judged, content, only, said):
    result = judged(content, only=only)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


@pytest.mark.parametrize("folder", [".", "tests"])
def test_a_file_that_the_configuration_names_is_found_from_every_folder(judged, pytester, monkeypatch, folder):
    pytester.makeini("[pytest]\naddopts = --pp-ref-candidate my_layers.py")
    pytester.makepyfile(my_layers=DENSE)
    pytester.mkdir("tests")
    monkeypatch.chdir(pytester.path / folder)
    options = ["--pp-ref-quick", "--pp-ref-only", "dense", "-k", "plain"]
    pytester.runpytest_subprocess("-p", "pp_ref.oracle.pytest_plugin", *options).assert_outcomes(passed=1, deselected=7)


def test_tests_of_ones_own_run_beside_it(judged, pytester):
    pytester.makepyfile(test_mine="def test_mine():\n    pass")
    judged(DENSE, "-k", "plain or mine").assert_outcomes(passed=2, deselected=7)


def test_the_entry_point_loads_nothing_but_pytest():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    (declared,) = setup["options.entry_points"]["pytest11"].split("\n")[1:]
    name, _, module = declared.partition(" = ")
    assert name == "pp_ref"
    code = f"import sys, pytest; before = set(sys.modules); import {module}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["pp_ref", "pp_ref.lazy", "pp_ref.oracle", module]
