"""Sweeps that share a folder and are killed at random times: each run is done once, with the undisturbed result.

Run as a program with a folder, a number of runs and their epochs, this module is one of those sweeps.
"""

import fcntl
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from pp_ref.experiments.run_store import RunStore, record_of
from pp_ref.experiments.sweep import sweep
from pp_ref.training import SGD, Checkpoint, fit_sgd
from tests.processes import family, running, wait_for_end

PROGRAM = "tests.robustness.test_sweeps"
PAUSE = 0.1  # seconds of an epoch, at least, in a sweep that is disturbed
INTERVAL = 2.0  # seconds from one kill to the next, at most
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
TARGETS = ("process", "group", "worker")


class Numbers(NamedTuple):
    """A data set, for the record."""

    name: str = "numbers"
    digest: str = "of numbers"
    source: str = "drawn"


class Store(RunStore):
    """A store that notes when a record is written."""

    def save(self, record):
        path = super().save(record)
        note(self, record["recipe"], "saved")
        return path


def note(store, recipe, event):
    with (store.folder / f"log-{recipe['seed']}").open("a") as log:
        log.write(f"{event}\n")


def recipes(runs, epochs):
    return [{"label": "numbers", "proportion": 1.0, "seed": seed, "epochs": epochs} for seed in range(runs)]


def epochs(recipe):
    return recipe["epochs"]


def run(recipe, store, report):
    """A fit to random numbers, with checkpoints and arrays. It says so if another process does this run meanwhile."""
    with (store.folder / f"busy-{recipe['seed']}").open("w") as busy:
        wait_for_lock(busy, store.folder / "collision")
        note(store, recipe, "begun")
        began, pause = time.perf_counter(), float(os.environ.get("PAUSE", "0"))
        target, rng = np.random.default_rng(1).standard_normal((40, 3)), np.random.default_rng(recipe["seed"])

        def objective(params, rows, rng):
            kept = rng.random((len(rows), 3)) < 0.5
            error = kept * (params["W"] - target[rows])
            return float(np.sum(error**2)), {"W": 2 * error.sum(axis=0)}

        def on_epoch(record):
            time.sleep(pause)
            report(f"epoch {record['epoch']}")

        settings, checkpoint = SGD(recipe["epochs"], 0.01, batch=8), Checkpoint(store.checkpoint(recipe, "fit"), recipe)
        fit = fit_sgd(objective, {"W": np.zeros(3)}, 40, settings, rng, on_epoch=on_epoch, checkpoint=checkpoint)
        return record_of(recipe, began, "a fit", fit, Numbers(), arrays={"W": fit.params["W"]})


def wait_for_lock(file, collision):
    """Take the lock of the file; a process that is just ending may have it for a moment."""
    end = time.monotonic() + 1
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                collision.touch()
                raise
            time.sleep(0.01)


def timeless(record):
    """The record without times and peak memory; arrays as bytes."""
    kept = {key: value for key, value in record.items() if key not in ("seconds", "summary", "peak_memory_mb")}
    kept["history"] = [{key: value for key, value in epoch.items() if key != "seconds"} for epoch in kept["history"]]
    kept["arrays"] = {name: (array.dtype, array.tobytes()) for name, array in kept["arrays"].items()}
    return kept


def aim(process, target):
    """The process ids that a kill goes to; none if there is no such process now."""
    if target != "worker":
        return [process.pid if target == "process" else -process.pid]
    return [int(each.partition(":")[0]) for each in family(process) if "spawn_main" in each][:1]


def disturb(folder, runs, epochs, processes, kills, seed):
    """Divide the runs between sweeps, kill one at a time and begin it anew, and let them end; count the kills."""
    rng, counts = random.Random(seed), Counter()

    def start(stack):
        stack.close()
        return stack.enter_context(running(PROGRAM, folder, runs, epochs))

    with ExitStack() as all_stacks:
        stacks = [all_stacks.enter_context(ExitStack()) for _ in range(processes)]
        sweeps = [start(stack) for stack in stacks]
        while counts.total() < kills:
            time.sleep(rng.uniform(0, INTERVAL))
            victim, number, target = rng.randrange(processes), rng.choice(SIGNALS), rng.choice(TARGETS)
            process = sweeps[victim]
            if process.poll() is None:
                number = signal.SIGKILL if target == "worker" else number  # its sweep alone ends it after an epoch
                for pid in aim(process, target):
                    os.kill(pid, number)
                    counts[f"{number.name} to a {target}"] += 1
                if target == "worker":
                    continue
                wait_for_end(process, 10 if number == signal.SIGKILL else 60)
                assert process.returncode in (128 + number, -number)
            else:  # a worker was killed
                assert process.returncode == 1, "every run was done before the last kill: give them more epochs"
            sweeps[victim] = start(stacks[victim])
        for stack, process in zip(stacks, sweeps, strict=True):
            while process.wait(timeout=300):
                assert process.returncode == 1, process.communicate()
                process = start(stack)
            wait_for_end(process)
    return counts


@pytest.mark.parametrize(
    ("runs", "epochs", "processes", "kills"),
    [(4, 40, 2, 6), pytest.param(8, 400, 3, 30, marks=pytest.mark.torture)],
    ids=["short", "long"],
)
def test_sweeps_that_are_killed_do_each_run_once(tmp_path, runs, epochs, processes, kills):
    counts = disturb(tmp_path / "shared", runs, epochs, processes, kills, seed=0)
    print(dict(counts))
    shared, alone, every = Store(tmp_path / "shared"), Store(tmp_path / "alone"), recipes(runs, epochs)
    undisturbed = sweep(run, every, alone, epochs=lambda recipe: recipe["epochs"]).records
    assert [timeless(shared.load(recipe)) for recipe in every] == [timeless(record) for record in undisturbed]
    for recipe in every:
        events = (shared.folder / f"log-{recipe['seed']}").read_text().split()
        assert events.count("saved") <= 1
        assert "begun" not in events[events.index("saved") :] if "saved" in events else events[-1] == "begun"
    files = {f"{kind}-{seed}" for kind in ("log", "busy") for seed in range(runs)} | {"unfinished"}
    files |= {shared.path(recipe).with_suffix(suffix).name for recipe in every for suffix in (".json", ".safetensors")}
    assert {path.name for path in shared.folder.iterdir()} == files
    assert list(shared.unfinished.iterdir()) == []


if __name__ == "__main__":
    os.environ["PAUSE"] = str(PAUSE)
    folder, runs, each = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    try:
        done = sweep(run, recipes(runs, each), Store(folder), epochs=epochs)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(len(done.failures) > 0)
