"""Start, watch and interrupt programs in tests; none outlives its test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.tree import ROOT

WIDE = os.environ | {"COLUMNS": "300"}  # one line stays one line


def python(*arguments: object, cwd: object = ROOT, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run Python with these arguments to its end; ``check`` raises if it fails."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=str(cwd), env=WIDE, capture_output=True, text=True, check=check)


@contextmanager
def running(*module: object) -> Iterator[subprocess.Popen[str]]:
    """Run `python -m module` in a session of its own, as a terminal does."""
    command = [sys.executable, "-m", *map(str, module)]
    process = subprocess.Popen(command, cwd=ROOT, env=WIDE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None or family(process):  # the test has failed
            os.killpg(process.pid, signal.SIGKILL)
        if not process.stderr.closed:
            process.communicate()


def family(process: "subprocess.Popen[str]") -> list[str]:
    """The commands of all living processes in the session of one that was started by `running` (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, _, session, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(session) == process.pid and state != "Z":
                found.append(f"{folder.name}: {(folder / 'cmdline').read_text()}")
    return found


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 120) -> None:
    """Poll until the condition holds; fail if the process ends first or the time is up."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"nothing after {seconds} s"
        time.sleep(0.02)


def wait_for_end(process: "subprocess.Popen[str]", seconds: float = 10) -> None:
    """Fail if a process of its session is left after these seconds."""
    process.wait(timeout=seconds)
    end = time.monotonic() + seconds
    while left := family(process):
        assert time.monotonic() < end, left
        time.sleep(0.05)
