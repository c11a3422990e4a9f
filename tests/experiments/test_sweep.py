"""The sweep: finished runs are skipped, failures stay alone, and Ctrl-C loses nothing.

Run as a program, this module is a sweep of slow runs for the tests to interrupt.
"""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pp_ref.errors import DataError, DomainError
from pp_ref.experiments.run_store import RunStore
from pp_ref.experiments.sweep import sweep
from pp_ref.machine import blas
from pp_ref.training import SGD, Checkpoint, fit_sgd
from tests.processes import running, wait_for

SLOW = {"epochs": 1000, "pause": 0.1}


def recipes(labels, epochs=3, pause=0.0):
    return [{"label": label, "proportion": 1.0, "seed": 0, "epochs": epochs, "pause": pause} for label in labels]


def epochs(recipe):
    return recipe["epochs"]


def run(recipe, store, report):
    """A fit whose result is the sum of random numbers; it leaves a mark each time that it is begun."""
    with (store.folder / f"begun-{recipe['label']}").open("a") as marks:
        marks.write("x")
    if recipe["label"] == "fails":
        raise ValueError("no such luck")

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


def test_two_at_a_time_with_one_that_fails_and_one_that_is_finished(store, capfd):
    every = recipes(["a", "b", "fails", "c"])
    store.save({"recipe": every[1], "summary": "of yesterday"})
    done = sweep(run, every, store, jobs=2, epochs=epochs)
    assert begun(store) == {"a": 1, "fails": 1, "c": 1}
    assert [record and record["recipe"]["label"] for record in done.records] == ["a", "b", None, "c"]
    assert done.records[1]["summary"] == "of yesterday"
    assert done.failures == [f"{store.name(every[2])}: ValueError: no such luck"]
    assert all(done.records[i]["threads"] <= max(1, (os.cpu_count() or 1) // 2) for i in (0, 3))
    assert list((store.folder / "unfinished").iterdir()) == []
    said = capfd.readouterr().err
    assert f"{store.name(every[2])}: failed: no such luck" in said
    assert f"{store.name(every[0])}: done" in said
    assert "3 of 4 runs to do" in said or "epoch 3" in said

    again = sweep(run, every[:2], store, epochs=epochs)
    assert begun(store) == {"a": 1, "fails": 1, "c": 1}
    assert again.records == done.records[:2]


def test_a_corrupt_record_is_found_before_anything_is_begun(store):
    every = recipes(["a", "b"])
    store.save({"recipe": every[1]}).write_bytes(b"{")
    with pytest.raises(DataError, match="json is not the record of a run"):
        sweep(run, every, store, epochs=epochs)
    assert begun(store) == {}


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_jobs(store, jobs):
    with pytest.raises(DomainError, match=f"^jobs is {jobs}, expected an int >= 1: how many runs are done at a time$"):
        sweep(run, recipes(["a"]), store, jobs=jobs, epochs=epochs)


@pytest.mark.parametrize("sent_to", ["process", "terminal"])
def test_ctrl_c_stops_between_epochs_and_the_next_start_goes_on(store, sent_to):
    """A terminal sends SIGINT to every process of its group, `kill` to one: both end the same way."""
    (recipe,) = recipes(["a"], **SLOW)
    checkpoint = Checkpoint(store.checkpoint(recipe, "fit"), recipe)

    with running("tests.experiments.test_sweep", store.folder) as first:
        wait_for(checkpoint.path.exists, first)
        (os.killpg if sent_to == "terminal" else os.kill)(first.pid, signal.SIGINT)
        _, said = first.communicate(timeout=60)
    assert first.returncode == 130
    kept = f"{store.folder} keeps them, and the last epoch of a run with epochs: give the same"
    assert f"0 of 4 runs are finished; {kept}" in said
    assert "Traceback" not in said
    assert begun(store) == {"a": 1}  # what the pool had been handed already was not begun
    history = checkpoint.load().history
    assert history

    with running("tests.experiments.test_sweep", store.folder) as second:
        wait_for(lambda: len(checkpoint.load().history) > len(history), second)
        os.kill(second.pid, signal.SIGINT)
        second.communicate(timeout=60)
    assert second.returncode == 130
    assert checkpoint.load().history[: len(history)] == history


def test_no_run_outlives_a_sweep_that_was_killed_outright(store):
    (recipe,) = recipes(["a"], **SLOW)
    checkpoint = Checkpoint(store.checkpoint(recipe, "fit"), recipe)
    with running("tests.experiments.test_sweep", store.folder) as first:
        wait_for(checkpoint.path.exists, first)
        first.kill()
        time.sleep(10 * SLOW["pause"])  # an epoch later it has noticed
        ended = len(checkpoint.load().history)
        time.sleep(10 * SLOW["pause"])
        assert len(checkpoint.load().history) == ended
        os.killpg(first.pid, signal.SIGKILL)  # the process that held the queue
        first.communicate(timeout=60)


if __name__ == "__main__":
    try:
        sweep(run, recipes(["a", "b", "c", "d"], **SLOW), RunStore(Path(sys.argv[1])), epochs=epochs)
    except KeyboardInterrupt:
        sys.exit(130)
