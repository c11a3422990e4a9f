"""Runs on several ranks under mpiexec: the same records, whatever is wrong is said by name, and all ranks end.

Run as an MPI program, this module is a sweep of the run below.
"""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import pp_ref.experiments.ranks as ranks_module
from pp_ref.errors import DomainError, MissingExtraError
from pp_ref.experiments.ranks import check_cores, group_of, launch, started_on, sweep_on_ranks
from pp_ref.experiments.run_store import RunStore
from pp_ref.training import SGD, Checkpoint, Group, fit_sgd
from tests.processes import WIDE
from tests.training.fits import FITS, PARTS, bits

PROGRAM = "tests.experiments.test_ranks"


def recipe_of(fault="", epochs=6, pause=0.0):
    return {"label": f"r{fault}", "fault": fault, "proportion": 1.0, "seed": 0, "parts": 8, "epochs": epochs} | (
        {"pause": pause} if pause else {}
    )


def run(recipe, store, report):
    """A small fit. A fault is one of rank 1."""
    group = group_of(recipe)
    own_fault = recipe["fault"] if group.link.rank == 1 else ""
    x = np.random.default_rng(3 if own_fault == "data" else 2).random((40, 3))
    U = np.random.default_rng(5 if own_fault == "static" else 4).random((3, 2))
    group.agree(lambda: {"examples": x, "static parameters": {"U": U}})
    calls = []

    def objective(params, rows, rng):
        calls.append(1)
        if len(calls) > 16:  # in the third epoch on two ranks
            if own_fault == "raises":
                raise ValueError("no such luck")
            if own_fault == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(recipe.get("pause", 0.0) / 8)
        error = x[rows] @ U @ params["w"] - 1
        return (error**2).mean() / 2, {"w": U.T @ (x[rows].T @ error) / len(rows)}

    kept = Checkpoint(store.checkpoint(recipe, "fit"), {})
    settings, rng = SGD(recipe["epochs"], 0.1, batch=20), np.random.default_rng(0)
    start = {"w": np.zeros(2)}
    fit = fit_sgd(group.divide(objective), start, 40, settings, rng, checkpoint=group.checkpoint(kept))
    history = [{"loss": each["loss"]} for each in fit.history]
    return {"recipe": recipe, "summary": "done", "w": fit.params["w"].tolist(), "history": history}


def sweep(*arguments):
    """Do the recipes on the ranks of this program. The folder is arguments[0], what remains are recipes in JSON."""
    folder, *recipes = arguments
    link = started_on(None)
    if link and link.rank == 1 and os.environ.get("OTHER_VERSION"):
        ranks_module.versions = lambda: {"pp_ref": "0.0.1"}
    done = sweep_on_ranks(run, [json.loads(each) for each in recipes], RunStore(Path(folder)), link, crowded=True)
    sys.exit(f"pp-ref: {done.failures[0]}" if done.failures else 0)


def started(size, *arguments, module=PROGRAM, **environment):
    """mpiexec in a session of its own, as a terminal starts it."""
    mpiexec = Path(sys.executable).with_name("mpiexec")
    command = [mpiexec if mpiexec.exists() else "mpiexec", "-n", size, sys.executable, "-m", "mpi4py", "-m", module]
    command += [json.dumps(each) if isinstance(each, dict) else each for each in arguments]
    return subprocess.Popen(
        [str(each) for each in command],
        env=WIDE | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process, seconds=60):
    """Its exit code and what it has said; it fails if it does not end."""
    try:
        out, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, out + said


def by_rank(said):
    """The messages that name a rank."""
    return [line for line in said.splitlines() if line.startswith("pp-ref: rank")]


def record(folder, recipe):
    found = RunStore(folder).load(recipe)
    return found and {name: found[name] for name in ("w", "history")}


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """The record of one rank, which this process is."""
    store = RunStore(tmp_path_factory.mktemp("right"))
    store.unfinished.mkdir(parents=True)
    found = run(recipe_of(), store, None)
    return {name: found[name] for name in ("w", "history")}


@pytest.mark.mpi
@pytest.mark.parametrize(("size", "which"), [(2, ""), (3, "predicted")])
def test_every_fit_has_the_same_bits_on_processes(size, which):
    """Threads have shown most of it (tests/training/test_distributed.py); here MPI carries the messages."""
    code, said = ended(started(size, which, module="tests.training.fits"), 300)
    assert code == 0, said
    alone = {name: bits(fit(Group(PARTS))) for name, fit in FITS.items() if which in name}
    assert json.loads(said) == alone
    assert len(alone) == (len(FITS) if size == 2 else len(FITS) / 2)


@pytest.mark.mpi
def test_a_sweep_keeps_one_record_a_run_and_does_it_once(tmp_path, right):
    assert ended(started(2, tmp_path, recipe_of()))[0] == 0
    assert record(tmp_path, recipe_of()) == right
    assert [path.name for path in RunStore(tmp_path).unfinished.iterdir()] == []
    code, said = ended(started(2, tmp_path, recipe_of()))
    assert (code, "0 of 1 runs to do on 2 ranks" in said) == (0, True)


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("raises", "rank 1 of 2: no such luck"),
        ("data", "rank 0 of 2: rank 1 has other examples than rank 0: expected the same files"),
        ("static", "rank 0 of 2: rank 1 has other static parameters than rank 0"),
    ],
)
def test_an_error_of_a_rank_ends_all_with_one_message(tmp_path, fault, message):
    began = time.monotonic()
    code, said = ended(started(2, tmp_path, recipe_of(fault)))
    assert (code, time.monotonic() - began < 30) == (1, True)
    assert len(by_rank(said)) == 1
    assert f"pp-ref: {message}" in said


@pytest.mark.mpi
def test_ranks_of_other_versions_are_refused(tmp_path):
    code, said = ended(started(2, tmp_path, recipe_of(), OTHER_VERSION="1"))
    assert code == 1
    assert len(by_rank(said)) == 1
    assert "rank 0 of 2: rank 1 has other pp_ref and " in said
    assert not RunStore(tmp_path).unfinished.exists()


@pytest.mark.mpi
def test_a_folder_that_rank_0_cannot_write(tmp_path):
    (tmp_path / "file").write_bytes(b"precious")
    code, said = ended(started(2, tmp_path / "file", recipe_of()))
    assert code == 1
    assert len(by_rank(said)) == 1
    assert "rank 0 of 2: " in said
    assert "cannot keep records (Not a directory)" in said


@pytest.mark.mpi
@pytest.mark.parametrize(("first", "then"), [(2, 1), (2, 3)])
def test_after_a_kill_the_run_goes_on_with_another_number_of_ranks(tmp_path, right, first, then):
    """The folder of both runs is one, and so is the recipe: the fault needs a rank 1 that kills itself."""
    recipe = recipe_of("killed")
    assert ended(started(first, tmp_path, recipe))[0] != 0
    store = RunStore(tmp_path)
    state = Checkpoint(store.checkpoint(recipe, "fit"), {}).load()
    assert [each["epoch"] for each in state.history] == [1, 2]
    if then == 1:
        found = run(recipe, store, None)
        found = {name: found[name] for name in right}
    else:  # rank 1 would kill itself again: its epochs are those of the recipe without a fault
        harmless = recipe_of()
        store.checkpoint(recipe, "fit").rename(store.checkpoint(harmless, "fit"))
        assert ended(started(then, tmp_path, harmless))[0] == 0
        found = record(tmp_path, harmless)
    assert found == right


@pytest.mark.mpi
def test_ctrl_c_ends_all_ranks_and_the_last_epoch_is_kept(tmp_path):
    recipe = recipe_of(epochs=1000, pause=0.1)
    path = RunStore(tmp_path).checkpoint(recipe, "fit")
    process = started(2, tmp_path, recipe)
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.05)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    code, said = ended(process)
    assert time.monotonic() - began < 30
    assert code != 0
    assert len(by_rank(said)) == 1
    assert "stopped by Ctrl-C after " in said
    assert Checkpoint(path, {}).load().history


@pytest.mark.mpi
def test_launch_names_the_rank_that_was_killed(tmp_path, capfd, monkeypatch):
    """mpiexec names the process alone."""
    monkeypatch.setattr(ranks_module, "__name__", PROGRAM)
    command = partial(subprocess.Popen)

    def of_this_module(arguments, **settings):
        return command([PROGRAM if each == "pp_ref" else each for each in arguments], **settings)

    monkeypatch.setattr(ranks_module.subprocess, "Popen", of_this_module)
    assert launch(2, [str(tmp_path), json.dumps(recipe_of("killed"))], crowded=True) == 1
    said = capfd.readouterr().err
    assert len(by_rank(said)) == 1
    assert "pp-ref: rank 1 (process " in said
    assert "was killed, and all others were ended: give the same command again to go on" in said
    assert "BAD TERMINATION" not in said


def test_more_ranks_than_cores():
    check_cores(1, False)
    check_cores(1000, True)
    with pytest.raises(DomainError, match="^ranks is 1000, expected at most .*--crowded$"):
        check_cores(1000, False)


def test_without_mpi4py_or_mpiexec(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(MissingExtraError, match=r"^mpi4py is not installed.*pip install mpi4py .the extra 'mpi'"):
        launch(1, [], False)
    monkeypatch.setitem(sys.modules, "mpi4py", sys)
    monkeypatch.setattr(ranks_module.shutil, "which", lambda *_, **__: None)
    with pytest.raises(MissingExtraError, match="^mpiexec is neither beside Python nor on the path"):
        launch(1, [], False)


@pytest.mark.parametrize("name", ["PMI_SIZE", "OMPI_COMM_WORLD_SIZE"])
def test_ranks_that_were_started_without_mpi4py(monkeypatch, name):
    monkeypatch.setenv(name, "2")
    with pytest.raises(
        DomainError, match="^this is one of 2 processes of mpiexec, expected it to be started with mpi4"
    ):
        started_on(None)


def test_an_mpiexec_of_another_mpi(monkeypatch):
    monkeypatch.setenv(ranks_module.PROCESSES, "somewhere")
    with pytest.raises(DomainError, match="^mpiexec has started a rank that mpi4py takes for the only one"):
        started_on(2)


if __name__ == "__main__":
    sweep(*sys.argv[1:])
