"""Candidates in this process and in one of their own, which may hang, exit or crash."""

import os
import textwrap

import pytest

from pp_ref import layers
from pp_ref.errors import DataError, DomainError
from pp_ref.oracle import conform
from pp_ref.oracle.candidates.behaviour import Observation
from pp_ref.oracle.candidates.processes import InProcess, InWorker, load
from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.verdict.findings import Status

CASE, OTHER = case_of("dense/plain/float64/0"), case_of("relu/plain/float64/0")


def written(tmp_path, text, name="my_layers.py"):
    path = tmp_path / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def test_a_module_or_a_mapping():
    for functions in (layers, {"dense_forward": layers.dense_forward, "dense_backward": layers.dense_backward}):
        seen = InProcess(functions).observe(CASE)
        assert list(seen.results) == ["y", "dv", "dW", "db"]
        assert seen.messages == []
    assert InProcess({}).observe(CASE).provided is False


def test_a_function_that_hangs_is_left_behind():
    import threading

    forever = threading.Event()
    candidate = InProcess({"dense_forward": lambda *_: forever.wait()}, time_limit=0.2)
    assert candidate.observe(CASE).messages == ["did not return within 0.2 s"]
    assert candidate.observe(OTHER).provided is False
    forever.set()


def test_a_time_limit_changes_no_result():
    seen = InProcess(layers, time_limit=30.0).observe(CASE)
    assert list(seen.results) == ["y", "dv", "dW", "db"]


def test_expected_failures_are_patterns_of_ids():
    candidate = InProcess({}, expected={"dense/*": "why", "*/plain/*": "other"})
    assert [candidate.expects(case, Observation()) for case in (CASE, OTHER)] == ["why", "other"]
    assert candidate.expects(case_of("relu/tails/float64/0"), Observation()) is None


def test_unknown_names():
    with pytest.raises(DomainError, match="^arithmetic is 'fp8', expected one of float64"):
        InProcess({}, arithmetic="fp8")
    with pytest.raises(DomainError, match="^arrays is 'tensorflow', expected one of numpy, torch, jax, cupy$"):
        InProcess({}, arrays="tensorflow")


def test_a_file_says_what_it_is(tmp_path):
    path = written(
        tmp_path,
        """
        ARITHMETIC, EXPECTED = "float32", {"dense/tails/*": "rows are skipped"}
        dense = lambda v, W, b: v @ W + b
        """,
    )
    candidate = load(path)
    assert (candidate.name, candidate.arithmetic) == (path, "float32")
    assert candidate.expects(case_of("dense/tails/float32/0"), Observation()) == "rows are skipped"
    assert load(path, arithmetic="float64").arithmetic == "float64"


def test_a_file_has_a_name_of_its_own(tmp_path):
    """Nobody's module is replaced by a candidate called like it."""
    import json

    load(written(tmp_path, "def dense(v, W, b): pass", "json.py"))
    import json as again

    assert again is json


def test_a_module_by_name_and_pp_ref_itself():
    assert list(load("pp_ref.layers.dense").observe(CASE).results) == ["y", "dv", "dW", "db"]
    assert load("pp_ref.layers").observe(case_of("mlp/plain/float64/0")).messages == []


BROKEN = {
    "raise ValueError('at import')": r"\(ValueError: at import\)",
    "import sys; sys.exit(3)": r"\(SystemExit: 3\)",
    "def (": r"\(SyntaxError: ",
    "import nothing_of_that_name": r"\(ModuleNotFoundError: ",
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_cannot_be_imported(tmp_path, text):
    path = written(tmp_path, text)
    message = rf"my_layers.py cannot be imported {BROKEN[text]}.*; expected a Python file or the name of a module"
    with pytest.raises(DataError, match=message):
        load(path)
    with pytest.raises(DataError, match=rf"^[^ ]*{message}"):
        InWorker(path)


def test_no_such_file_and_no_such_module(tmp_path):
    with pytest.raises(DataError, match=r"none.py cannot be imported \(FileNotFoundError: no such file\)"):
        load(str(tmp_path / "none.py"))
    with pytest.raises(DataError, match=r"^no_such_module cannot be imported \(ModuleNotFoundError"):
        load("no_such_module")


def test_a_module_that_ends_its_process_at_import(tmp_path):
    with pytest.raises(DataError, match=r"my_layers.py cannot be loaded: it ended its process, exit code 4$"):
        InWorker(written(tmp_path, "import os; os._exit(4)"))


def test_a_worker_outlives_what_its_candidate_does(tmp_path):
    """Exits, crashes, hangs, dies between two cases: each is said, and the next case is answered."""
    path = written(
        tmp_path,
        """
        import os, signal, sys, threading, time
        def dense(v, W, b):
            return v @ W + b
        def relu(v):
            os._exit(7)
        def sigmoid(v):
            os.kill(os.getpid(), signal.SIGSEGV)
        def softmax(z):
            time.sleep(60)
        def flatten(v):
            sys.exit(5)
        def second_moment(v):
            threading.Timer(2.0, os._exit, [9]).start()
            return v.T @ v
        """,
    )
    worker = InWorker(path, time_limit=8.0)
    said = {
        "relu": "ended its process, exit code 7",
        "sigmoid": "ended its process, exit code -11",
        "flatten": "raised SystemExit at my_layers.py:",
    }
    try:
        for name, message in said.items():
            (found,) = worker.observe(case_of(f"{name}/plain/float64/0")).messages
            assert found.startswith(message), name
            assert list(worker.observe(CASE).results) == ["y"]
        worker.time_limit = 0.5
        assert worker.observe(case_of("softmax/plain/float64/0")).messages == ["did not return within 0.5 s"]
        worker.time_limit = 8.0
        assert list(worker.observe(case_of("second_moment/square/float64/0")).results) == ["y"]
        worker._process.wait(8)
        assert list(worker.observe(CASE).results) == ["y"]
        assert worker.later == {
            "second_moment/square/float64/0": "after it had returned, its process ended its process, exit code 9"
        }
    finally:
        worker.close()
    worker.close()


def test_a_run_goes_on_after_a_crash(tmp_path):
    path = written(
        tmp_path,
        """
        import os
        EXPECTED, FORWARD_ONLY = {"relu/square/*": "it is known"}, True
        def relu(v):
            return v.clip(0) if v.shape != (4, 4) else os._exit(7)
        """,
    )
    worker = InWorker(path, time_limit=8.0)
    try:
        report = conform(worker, only=["relu"], quick=True)
    finally:
        worker.close()
    statuses = {finding.regime: finding.status for finding in report.findings}
    assert statuses.pop("square") == Status.expected
    assert set(statuses.values()) == {Status.passed}
    assert report.exit_code == 0


def test_a_fifo_is_no_candidate(tmp_path):
    os.mkfifo(tmp_path / "fifo.py")
    with pytest.raises(DataError, match=r"fifo.py cannot be imported \(FileNotFoundError: no such file\)"):
        load(str(tmp_path / "fifo.py"))
