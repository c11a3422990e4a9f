"""The sweep: finished runs are skipped, failures stay alone, several share a folder, and no signal loses anything.

Run as a program, this module is a sweep of slow runs for the tests to interrupt.
"""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from pp_ref.errors import DataError, DomainError, MissingExtraError
from pp_ref.experiments.claims import Claims, this_machine
from pp_ref.experiments.run_store import RunStore
from pp_ref.experiments.sweep import sweep
from pp_ref.machine import blas
from pp_ref.training import SGD, Checkpoint, fit_sgd
from tests.processes import WIDE, family, running, wait_for, wait_for_end
from tests.tree import ROOT

SLOW = {"epochs": 1000, "pause": 0.1}
PROGRAM = "tests.experiments.test_sweep"


def recipes(labels, epochs=3, pause=0.0):
    return [{"label": label, "proportion": 1.0, "seed": 0, "epochs": epochs, "pause": pause} for label in labels]


def epochs(recipe):
    return recipe["epochs"]


def run(recipe, store, report):
    """A fit whose result is the sum of random numbers; it leaves a mark each time that it is begun."""
    label = recipe["label"]
    with (store.folder / f"begun-{label}").open("a") as marks:
        marks.write("x")
    if label.startswith("fails"):
        raise ValueError("no such luck")
    if label.startswith("full"):
        raise DataError(f"{store.path(recipe)} could not be written: the disk is full")
    if label == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if label == "exits":
        os._exit(3)

    def objective(params, rows, rng):
        time.sleep(recipe["pause"])
        return np.asarray(0.0), {"p": np.array([rng.random()])}

    def tell(record):
        report(f"epoch {record['epoch']}")

    settings, checkpoint = SGD(recipe["epochs"], 1.0), Checkpoint(store.checkpoint(recipe, "fit"), recipe)
    start, rng = {"p": np.zeros(1)}, np.random.default_rng(5)
    fit = fit_sgd(objective, start, 1, settings, rng, on_epoch=tell, checkpoint=checkpoint)
    return {"recipe": recipe, "summary": "done", "p": float(fit.params["p"][0]), "threads": blas()["threads"]}


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


def begun(store):
    return {file.name.removeprefix("begun-"): len(file.read_text()) for file in store.folder.glob("begun-*")}


def first_checkpoint(store):
    (recipe,) = recipes(["a"], **SLOW)
    return Checkpoint(store.checkpoint(recipe, "fit"), recipe)


def test_two_at_a_time_with_one_that_fails_and_one_that_is_finished(store, capfd):
    every = recipes(["a", "b", "fails", "c"])
    store.save({"recipe": every[1], "summary": "of yesterday"})
    done = sweep(run, every, store, jobs=2, epochs=epochs)
    assert begun(store) == {"a": 1, "fails": 1, "c": 1}
    assert [record and record["recipe"]["label"] for record in done.records] == ["a", "b", None, "c"]
    assert done.records[1]["summary"] == "of yesterday"
    assert done.failures == [f"{store.name(every[2])}: ValueError: no such luck"]
    assert all(done.records[i]["threads"] <= max(1, (os.cpu_count() or 1) // 2) for i in (0, 3))
    assert list(store.unfinished.iterdir()) == []
    said = capfd.readouterr().err
    assert f"{store.name(every[2])}: failed: ValueError: no such luck" in said
    assert f"{store.name(every[0])}: done" in said
    assert said.startswith("3 of 4 runs to do\n")
    assert "epoch" not in said  # it is no terminal

    again = sweep(run, every[:2], store, epochs=epochs)
    assert capfd.readouterr().err == "all 2 runs are done already\n"
    assert begun(store) == {"a": 1, "fails": 1, "c": 1}
    assert again.records == done.records[:2]


def test_what_would_be_said_of_every_run_is_said_once(store, capfd):
    """The names of the runs are no difference."""
    every = recipes(["full1", "fails1", "full2", "full3", "fails2"])
    done = sweep(run, every, store, epochs=epochs)
    assert done.records == [None] * 5
    assert done.failures == [
        f"{store.name(every[0])} and 2 more: DataError: {store.path(every[0])} could not be written: the disk is full",
        f"{store.name(every[1])} and 1 more: ValueError: no such luck",
    ]
    assert capfd.readouterr().err.count("failed:") == 2


def test_a_run_whose_process_is_killed_is_a_failure_and_the_others_go_on(store):
    every = recipes(["killed", "b"])
    done = sweep(run, every, store, epochs=epochs)
    said = "SIGKILL ended its process: run again to go on from its last epoch"
    assert done.failures == [f"{store.name(every[0])}: {said}"]
    assert done.records[1]["summary"] == "done"


def test_a_process_that_ends_by_itself_ends_the_sweep(store):
    message = "^a process of the sweep has ended with exit code 3, before its run did: its own message is above$"
    with pytest.raises(RuntimeError, match=message):
        sweep(run, recipes(["exits", "b"]), store, epochs=epochs)
    assert begun(store) == {"exits": 1}


def test_a_corrupt_record_is_found_before_anything_is_begun(store):
    every = recipes(["a", "b"])
    store.save({"recipe": every[1]}).write_bytes(b"{")
    with pytest.raises(DataError, match="json is not the record of a run"):
        sweep(run, every, store, epochs=epochs)
    assert begun(store) == {}


def test_every_run_is_checked_before_the_first_is_begun(store):
    every, checked = recipes(["a", "b", "c"]), []
    store.save({"recipe": every[0]})

    def check(recipe):
        checked.append(recipe["label"])
        if recipe["label"] == "c":
            raise MissingExtraError("c needs more")

    with pytest.raises(MissingExtraError, match="^c needs more$"):
        sweep(run, every, store, epochs=epochs, check=check)
    assert checked == ["b", "c"]  # a finished run needs nothing
    assert begun(store) == {}
    assert not store.unfinished.exists()


@pytest.mark.parametrize(
    ("place", "reason"),
    [("file", "Not a directory"), ("file/inside", "Not a directory"), ("/proc/runs", "No such file")],
)
def test_a_folder_that_cannot_be_written(tmp_path, place, reason):
    (tmp_path / "file").write_bytes(b"precious")
    message = f"{place} cannot keep records .{reason}.*: expected a folder that can be written: choose another"
    with pytest.raises(DataError, match=message):
        sweep(run, recipes(["a"]), RunStore(tmp_path / place), epochs=epochs)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_jobs(store, jobs):
    with pytest.raises(DomainError, match=f"^jobs is {jobs}, expected an int >= 1: how many runs are done at a time$"):
        sweep(run, recipes(["a"]), store, jobs=jobs, epochs=epochs)


def test_a_run_of_another_process_is_waited_for_and_its_record_loaded(store, capfd):
    every = recipes(["a", "b"])
    claim, finished = Claims(store.unfinished).take(store.name(every[0])), store.path(every[1])

    def other_process():
        while not finished.exists():
            time.sleep(0.02)
        time.sleep(0.5)
        store.save({"recipe": every[0], "summary": "of another process"})
        claim.release()

    other = threading.Thread(target=other_process)
    other.start()
    done = sweep(run, every, store, epochs=epochs)
    other.join()
    assert [record["summary"] for record in done.records] == ["of another process", "done"]
    assert begun(store) == {"b": 1}
    said = capfd.readouterr().err
    assert f"{store.name(every[0])}: waiting for process {os.getpid()} on " in said
    assert f"{store.name(every[0])}: done by another process" in said
    assert list(store.unfinished.iterdir()) == []


def test_a_run_that_another_process_took_over_is_left_to_it(store):
    (recipe,) = recipes(["a"], epochs=1000, pause=0.02)
    successor = store.unfinished / f"{store.name(recipe)}.2.claim"

    def other_machine():
        while not store.checkpoint(recipe, "fit").exists():
            time.sleep(0.02)
        successor.write_text("another-machine its-boot 7 2026-01-01T00:00:00+00:00\n")
        while (store.unfinished / f"{store.name(recipe)}.1.claim").exists():
            time.sleep(0.02)
        store.save({"recipe": recipe, "summary": "of another machine"})

    other = threading.Thread(target=other_machine)
    other.start()
    done = sweep(run, [recipe], store, epochs=epochs)
    other.join()
    assert done.records[0]["summary"] == "of another machine"
    assert begun(store) == {"a": 1}


def test_what_a_kill_left_beside_a_record_is_removed(store):
    every = recipes(["a", "b"])
    for recipe in every:
        store.save({"recipe": recipe, "summary": "of yesterday"})
        store.unfinished.mkdir(exist_ok=True)
        store.checkpoint(recipe, "fit").write_bytes(b"state")
        owner = " ".join((*this_machine(), "7", "2026-01-01T00:00:00+00:00"))  # nobody has its lock
        (store.unfinished / f"{store.name(recipe)}.1.claim").write_text(owner)
    (c,) = recipes(["c"])
    with Claims(store.unfinished).take(store.name(c)) as other:
        sweep(run, every[:1], store, epochs=epochs)
        of_b = {store.checkpoint(every[1], "fit"), store.unfinished / f"{store.name(every[1])}.1.claim"}
        assert set(store.unfinished.iterdir()) == {other.path} | of_b


def ended_by(process):
    """What the process has said, when nothing of its session is left."""
    _, said = process.communicate(timeout=60)
    wait_for_end(process)
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    ("number", "sent_to"),
    [
        pytest.param(signal.SIGINT, "process", marks=pytest.mark.torture),
        (signal.SIGINT, "terminal"),
        (signal.SIGTERM, "process"),
        pytest.param(signal.SIGHUP, "terminal", marks=pytest.mark.torture),
    ],
)
def test_a_signal_stops_between_epochs_and_the_next_start_goes_on(store, number, sent_to):
    """A terminal sends a signal to every process of its group, `kill` to one: both end the same way."""
    checkpoint = first_checkpoint(store)
    with running(PROGRAM, store.folder) as first:
        wait_for(checkpoint.path.exists, first)
        (os.killpg if sent_to == "terminal" else os.kill)(first.pid, number)
        said = ended_by(first)
    assert first.returncode == 128 + number
    name = "Ctrl-C" if number == signal.SIGINT else number.name
    kept = f"{store.folder} keeps them, and the last epoch of a run with epochs: give the same"
    assert f"Stopped by {name}. 0 of 4 runs are finished; {kept}" in said
    assert begun(store) == {"a": 1}  # no other run was begun
    assert [file.suffix for file in store.unfinished.iterdir()] == [".safetensors"]
    history = checkpoint.load().history
    assert history

    with running(PROGRAM, store.folder) as second:
        wait_for(lambda: len(checkpoint.load().history) > len(history), second)
        os.kill(second.pid, number)
        ended_by(second)
    assert second.returncode == 128 + number
    assert checkpoint.load().history[: len(history)] == history


@pytest.mark.parametrize("when", ["its process starts", "an epoch"])
def test_a_second_ctrl_c_ends_at_once(store, when):
    """An epoch of this sweep takes two minutes."""
    with running(PROGRAM, store.folder, 120) as process:
        wait_for(lambda: begun(store) if when == "an epoch" else len(family(process)) > 2, process)
        began = time.monotonic()
        while process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.3)
        assert time.monotonic() - began < 20
        ended_by(process)
    assert process.returncode == 130


@pytest.mark.parametrize("pause", [pytest.param(0.1, marks=pytest.mark.torture), 120])
def test_nothing_outlives_a_sweep_that_was_killed_outright(store, pause):
    """The process that does the runs ends within seconds, in the middle of an epoch too."""
    with running(PROGRAM, store.folder, pause) as first:
        wait_for(lambda: begun(store) == {"a": 1}, first)
        first.kill()
        wait_for_end(first)
        assert begun(store) == {"a": 1}


def test_a_hangup_that_was_ignored_before_is_ignored_still(store):
    """As nohup does."""
    checkpoint, handler = first_checkpoint(store), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running(PROGRAM, store.folder) as process:
            wait_for(checkpoint.path.exists, process)
            os.killpg(process.pid, signal.SIGHUP)
            history = checkpoint.load().history
            wait_for(lambda: len(checkpoint.load().history) > len(history) + 1, process)
            os.kill(process.pid, signal.SIGTERM)
            assert "Stopped by SIGTERM" in ended_by(process)
    finally:
        signal.signal(signal.SIGHUP, handler)


def test_progress_is_readable_at_80_columns(store):
    ours, theirs = pty.openpty()
    seen = bytearray()

    def drawn():
        with suppress(OSError):  # of a terminal that its last process has left
            while select.select([ours], [], [], 0)[0]:
                seen.extend(os.read(ours, 2**16))
        return b"epoch 3" in seen

    with subprocess.Popen(
        [sys.executable, "-m", PROGRAM, store.folder],
        cwd=ROOT,
        env=WIDE | {"COLUMNS": "80", "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        wait_for(drawn, process)
        os.killpg(process.pid, signal.SIGTERM)
        while process.poll() is None:
            drawn()
            time.sleep(0.05)
    os.close(ours)
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode()))
    bars = [line for line in lines if "epoch" in line and "/4000" in line]
    assert bars
    assert max(map(len, bars)) <= 80
    assert any(re.search(r"^epoch (\d+) .* \1/4000 \d:\d\d:\d\d \d:\d\d:\d\d$", line) for line in bars)


def test_a_terminal_that_is_closed_stops_a_sweep(store):
    """Nothing can be written to it any more."""
    checkpoint, (ours, theirs) = first_checkpoint(store), pty.openpty()
    take = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])"
    )
    command = [sys.executable, "-c", take, sys.executable, "-m", PROGRAM, store.folder]
    with subprocess.Popen(
        command, cwd=ROOT, env=WIDE, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)

        def drawn():
            while select.select([ours], [], [], 0)[0]:
                os.read(ours, 2**16)
            return checkpoint.path.exists()

        wait_for(drawn, process)
        os.close(ours)
        wait_for_end(process, 60)
    assert process.returncode == 129
    assert [file.suffix for file in store.unfinished.iterdir()] == [".safetensors"]


if __name__ == "__main__":
    folder, pause = Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else SLOW["pause"]
    try:
        sweep(run, recipes(["a", "b", "c", "d"], SLOW["epochs"], pause), RunStore(folder), epochs=epochs)
    except KeyboardInterrupt:
        sys.exit(130)
