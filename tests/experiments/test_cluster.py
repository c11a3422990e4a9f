"""A sweep on a Dask scheduler: workers die, the scheduler is restarted, and the records are those of this machine."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from pp_ref.errors import DeviceError, MissingExtraError
from pp_ref.experiments import cluster
from pp_ref.experiments.cluster import Cluster
from pp_ref.experiments.run_store import RunStore
from pp_ref.experiments.sweep import sweep
from tests.experiments.test_sweep import begun, epochs, recipes, run
from tests.processes import WIDE
from tests.tree import ROOT

# distributed closes event loops and sockets in its own time.
pytestmark = [pytest.mark.dask, pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")]
ENVIRONMENT = WIDE | {"PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT": "1s"}


@contextmanager
def dask(kind, *arguments):
    """A scheduler or a worker, in its own process; killed at the end."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *map(str, arguments), "--no-dashboard"]
    with subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as it:
        try:
            yield it
        finally:
            it.kill()


def scheduler(port):
    return dask("scheduler", "--host", "127.0.0.1", "--port", port)


def worker(address, folder, threads=1):
    return dask(
        "worker", address, "--nthreads", threads, "--no-nanny", "--local-directory", folder, "--death-timeout", 60
    )


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The records of processes of this machine."""
    every = recipes("abcd", epochs=8, pause=0.1)
    return sweep(run, every, RunStore(tmp_path_factory.mktemp("local")), jobs=2, epochs=epochs).records


def same(records, expected):
    """Equal but for the threads that the machine shares out."""
    return [record and record | {"threads": 1} for record in records] == [one | {"threads": 1} for one in expected]


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "no-shared"])
def test_a_killed_worker_and_a_restarted_scheduler_lose_nothing(store, address, local, tmp_path, capfd, shared):
    every, port, done = recipes("abcd", epochs=8, pause=0.1), address.rpartition(":")[2], []
    store.folder.mkdir()
    with ExitStack() as stack:
        first = stack.enter_context(scheduler(port))
        workers = [stack.enter_context(worker(address, tmp_path / name)) for name in "xy"]

        def work():
            done.append(sweep(run, every, store, epochs=epochs, start=partial(Cluster, address, shared)))

        while not reachable(port):
            time.sleep(0.1)
        working = threading.Thread(target=work)
        working.start()
        while not list(store.unfinished.glob("*.safetensors")):  # an epoch of some run has been kept here
            time.sleep(0.05)
        workers[0].kill()
        stack.enter_context(worker(address, tmp_path / "z"))
        while not list(store.folder.glob("*.json")):
            time.sleep(0.05)
        first.kill()
        workers[1].kill()
        first.wait()
        stack.enter_context(scheduler(port))
        stack.enter_context(worker(address, tmp_path / "v"))
        working.join(timeout=120)
    assert not working.is_alive()
    assert done[0].failures == []
    assert same(done[0].records, local)
    assert list(store.unfinished.iterdir()) == []
    said = capfd.readouterr().err
    assert f"the scheduler at {address} is gone" in said
    assert said.count("handed in again, since the scheduler has forgotten it") >= 1
    # By another process: its record was written, and the scheduler killed before it could say so.
    assert sum(line.endswith((": done", ": done by another process")) for line in said.splitlines()) == 4
    assert not shared or begun(store).keys() == set("abcd")


def reachable(port):
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", int(port))) == 0


def test_errors_look_as_on_this_machine_and_ctrl_c_keeps_the_last_epoch(store, address, tmp_path, monkeypatch):
    port = address.rpartition(":")[2]
    store.folder.mkdir()
    with scheduler(port), worker(address, tmp_path / "x"):
        start = partial(Cluster, address, True)
        (fails,) = recipes(["fails"])
        done = sweep(run, [fails], store, epochs=epochs, start=start)
        assert done.failures == [f"{store.name(fails)}: ValueError: no such luck"]

        (slow,) = recipes(["a"], epochs=1000, pause=0.1)
        kept = store.checkpoint(slow, "fit")

        def interrupt():
            while not kept.exists():
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            sweep(run, [slow, *recipes(["b"], epochs=1000, pause=0.1)], store, epochs=epochs, start=start)
        assert kept.exists()
        assert [path.suffix for path in store.unfinished.iterdir()] == [".safetensors"]
        assert begun(store) == {"fails": 1, "a": 1}

        monkeypatch.setattr(cluster, "versions", lambda: {"pp_ref": "0.0.1", "numpy": "1"})
        (other,) = recipes(["c"])
        done = sweep(run, [other], store, epochs=epochs, start=start)
        assert "expected pp_ref 0.0.1, numpy 1" in done.failures[0]


def test_workers_with_several_threads_are_refused(store, address, tmp_path):
    store.folder.mkdir()
    with scheduler(address.rpartition(":")[2]), worker(address, tmp_path / "x", threads=2):
        done = sweep(run, recipes(["a"]), store, epochs=epochs, start=partial(Cluster, address, True))
    assert (
        "has 2 threads, expected 1: start it with `dask worker ADDRESS --nworkers auto --nthreads 1`"
        in done.failures[0]
    )


def test_no_scheduler(store, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    for nowhere in ("tcp://127.0.0.1:1", "no address"):
        with pytest.raises(DeviceError, match=f"^scheduler is '{nowhere}', but no Dask scheduler answers there"):
            sweep(run, recipes(["a"]), store, epochs=epochs, start=partial(Cluster, nowhere, True))


def test_no_dask(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match="^distributed is not installed.*the extra 'dask' of pp-ref"):
        sweep(run, recipes(["a"]), store, epochs=epochs, start=partial(Cluster, "tcp://127.0.0.1:1", True))
