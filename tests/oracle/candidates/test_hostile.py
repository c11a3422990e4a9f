"""What a candidate does to its judge is a message of its case, and no other case's verdict."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pp_ref.oracle.candidates.processes import InWorker
from pp_ref.oracle.operations.cases import case_of

HOSTILE = str(Path(__file__).with_name("hostile.py"))
SAID = {
    "relu": "answered with b'hello, judge' instead of a frame",
    "smooth_abs": "closed the pipe through which it answers",
    "flatten": "raised ValueError at hostile.py:",
    "second_moment": "y is a list of 1 values, expected one array of numpy",
    "maxout": "y has shape (100000, 100000), more than a result can have",
    "log_cosh": "raised KeyboardInterrupt, and could not be observed further",
    "project": "raised ZeroDivisionError, and could not be observed further",
    "matern_kernel": "raised KeyboardInterrupt, and could not be observed further",
}
RIGHT = ("sigmoid", "lowrank", "softmax", "unit_columns", "se_kernel")


@pytest.fixture(scope="module")
def worker():
    found = InWorker(HOSTILE, time_limit=20.0)
    yield found
    found.close()


def observed(worker, name):
    """What is seen of a case, once `dense` after it is seen to be right."""
    seen = worker.observe(case_of(f"{name}/plain/float64/0"))
    after = worker.observe(case_of("dense/plain/float64/0"))
    assert (list(after.results), after.messages, after.warnings) == (["y"], [], [])
    return seen


@pytest.mark.parametrize("name", SAID)
def test_what_it_does_is_said_of_its_case(worker, name):
    seen = observed(worker, name)
    assert seen.messages[0].startswith(SAID[name])
    assert sum(map(len, seen.messages)) < 3000
    assert worker.later == {}


@pytest.mark.parametrize("name", RIGHT)
def test_what_changes_no_result_is_no_fault(worker, name):
    seen = observed(worker, name)
    assert (list(seen.results), seen.messages, worker.later) == (["y"], [], {})


def test_a_warning_of_30_MB_is_cut(worker):
    (said,) = observed(worker, "softmax").warnings
    assert said.startswith("warns: xxx")
    assert said.endswith("... (30,000,007 characters)")
    assert len(said) < 1100


def test_output_is_cut_and_escaped(worker):
    said = observed(worker, "softmax").output
    assert said.startswith("\\x1b[2Jyyy")
    assert "bytes are left out]" in said
    assert len(said) < 70_000


def test_a_stopped_process_is_ended(worker):
    worker.time_limit = 1.0
    try:
        seen = worker.observe(case_of("weight_decay/plain/float64/0"))
    finally:
        worker.time_limit = 20.0
    assert seen.messages == ["did not return within 1 s"]


def test_folder_signals_and_timers_are_set_back(worker):
    worker.observe(case_of("unit_columns/plain/float64/0"))
    (said, *_) = worker.observe(case_of("max_pool2d/plain/float64/0")).messages
    assert said.endswith("(False, False, False) False")


def test_a_thread_that_it_leaves_is_its_own_fault():
    """The thread ends the process while another case runs, which is put to a new process."""
    worker = InWorker(HOSTILE)
    try:
        worker.observe(case_of("covariance/plain/float64/0"))
        seen = worker.observe(case_of("reconstruction/plain/float64/0"))
        assert (list(seen.results), seen.messages, seen.warnings) == (["y"], [], [])
        (case, said), *others = worker.later.items()
    finally:
        worker.close()
    assert (case, others) == ("covariance/plain/float64/0", [])
    assert said == (
        "leaves a thread running, and while reconstruction/plain/float64/0 ran, its process ended its process, exit "
        "code 3; a new process that ran it alone did not"
    )


def sleeping():
    """The grandchildren of the candidate that live (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "cmdline").read_bytes() == b"sleep\x007654321\x00":
                found.append(folder.name)
    return found


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="processes are looked up in /proc")
def test_what_it_began_is_ended_with_it():
    worker = InWorker(HOSTILE)
    try:
        worker.observe(case_of("limit_column_norms/plain/float64/0"))
        assert len(sleeping()) >= 2
    finally:
        worker.close()
    end = time.monotonic() + 5
    while sleeping() and time.monotonic() < end:
        time.sleep(0.02)
    assert sleeping() == []


def test_it_ends_when_its_judge_is_killed(tmp_path):
    """A judge that is killed leaves neither the candidate's process nor what that began."""
    path = tmp_path / "busy.py"
    path.write_text(
        "import os, time\ndef dense(v, W, b):\n    open('began', 'w').write(str(os.getpid()))\n    time.sleep(600)\n"
    )
    code = (
        "from pp_ref.oracle.candidates.processes import InWorker\nfrom pp_ref.oracle.operations.cases import case_of\n"
        f"InWorker({str(path)!r}, 600.0).observe(case_of('dense/plain/float64/0'))"
    )
    root = Path(__file__).resolve().parents[3]
    judge = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(root)})
    try:
        while not ((tmp_path / "began").exists() and (tmp_path / "began").read_text()):
            assert judge.poll() is None
            time.sleep(0.02)
    finally:
        judge.kill()
        judge.wait()
    process = int((tmp_path / "began").read_text())
    end = time.monotonic() + 10
    while Path(f"/proc/{process}/cmdline").exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert not Path(f"/proc/{process}/cmdline").exists()
