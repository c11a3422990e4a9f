"""The runs of a sweep on the machines of a Dask scheduler: a pool whose workers may come, go and die.

The scheduler hands runs to workers, and work that was lost with a worker to another one. With a shared folder a worker
does what a process of this machine would do: it claims the run, keeps its checkpoints and writes its record there.
Without one it works in a folder of its own, and what it writes comes back through the scheduler after each epoch. A
scheduler that was restarted has forgotten everything: the pool connects again, and its runs are lost (`sweep` hands in
again those that have no record).
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, NamedTuple
from uuid import uuid4

from pp_ref.errors import DeviceError, import_extra
from pp_ref.experiments.claims import Claim, Claims
from pp_ref.experiments.ranks import DECIDING
from pp_ref.experiments.run_store import RunStore
from pp_ref.experiments.workers import Recipe, Run, Said, attempt
from pp_ref.files import write_atomically
from pp_ref.records import versions

__all__ = ["Cluster"]

PATIENCE = 10.0  # seconds for an answer of the scheduler
AGAIN = 1.0  # seconds from one attempt to reach it to the next
WORKER_THREADS = 1  # of the BLAS: the bits of a run may depend on it
CLAIM = ".claim"

Files = dict[str, bytes]  # by their paths in the store's folder


class Task(NamedTuple):
    """A run, as a worker gets it.

    queue, stop  names of what leads to the pool: what is said after an epoch goes into the queue, the event ends runs
    store        None: there is no shared folder
    files        checkpoints of the run, if there is no shared folder
    wanted       versions of the packages on which the bits of a run depend
    """

    run: Run
    recipe: Recipe
    store: RunStore | None
    files: Files
    queue: str
    stop: str
    wanted: dict[str, str | None]


def work(task: Task) -> tuple[Said, Files]:
    """Do a run on a worker of the scheduler; return what is said at its end, and its files if no folder is shared."""
    import distributed

    worker = distributed.get_worker()
    found = deciding_versions()
    if wrong := [f"{name} {found[name]}" for name in DECIDING if found[name] != task.wanted[name]]:
        expected = ", ".join(f"{name} {version}" for name, version in task.wanted.items())
        return ("failed", f"{worker.address} has {', '.join(wrong)}, expected {expected}: install the same there"), {}
    if worker.state.nthreads > 1:
        threads = f"{worker.address} has {worker.state.nthreads} threads, expected 1"
        return ("failed", f"{threads}: start it with `dask worker ADDRESS --nworkers auto --nthreads 1`"), {}
    client = distributed.get_client()
    queue, stop = distributed.Queue(task.queue, client=client), distributed.Event(task.stop, client=client)
    with TemporaryDirectory() as folder:
        store = task.store or RunStore(Path(folder))
        store.unfinished.mkdir(parents=True, exist_ok=True)
        write_files(store, task.files)
        sent = dict(task.files)

        def report(text: str) -> None:
            new = {} if task.store else {name: each for name, each in files_of(store).items() if sent.get(name) != each}
            sent.update(new)
            queue.put((store.name(task.recipe), text, new))

        said = attempt(task.run, task.recipe, store, Claims(store.unfinished), WORKER_THREADS, report, stop.is_set)
        return said, {} if task.store else files_of(store)


def deciding_versions() -> dict[str, str | None]:
    """The versions of the packages on which the bits of a run depend."""
    found = versions()
    return {name: found.get(name) for name in DECIDING}


def files_of(store: RunStore) -> Files:
    """What a worker has written: checkpoints, or the record and its arrays."""
    paths = [path for path in store.folder.rglob("*") if path.is_file() and path.suffix != CLAIM]
    return {str(path.relative_to(store.folder)): path.read_bytes() for path in paths}


def write_files(store: RunStore, files: Files) -> None:
    """Write files into the folder of a store; a record comes last, after its arrays."""
    for name, content in sorted(files.items(), key=lambda item: item[0].endswith(".json")):
        write_atomically(store.folder / name, content)


class Cluster:
    """The pool of a sweep on a Dask scheduler.

    `functools.partial(Cluster, address, shared)` is the ``start`` of `sweep`.

    address  of the scheduler
    shared   whether this machine and all workers see the folder of the store under the same path
    say      called with sentences about the scheduler
    raises   MissingExtraError without distributed; DeviceError if no scheduler answers
    """

    size = inf  # the scheduler knows how many workers there are

    def __init__(self, address: str, shared: bool, run: Run, store: RunStore, say: Callable[[str], None]) -> None:
        self._dask = import_extra("distributed", "dask")
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # `say` has a sentence in their place
        self._run, self._store, self._address, self._shared, self._say = run, store, address, shared, say
        self._claims = Claims(store.unfinished)
        self._runs: dict[str, tuple[Recipe, Any, Claim | None]] = {}  # by name: recipe, future, claim of this process
        self._said: list[tuple[Recipe, Said]] = []  # to be heard
        self._news = Event()  # set when a future is done
        self._stopping = False
        self._connect()
        if not self._client.scheduler_info(n_workers=-1)["workers"]:
            say(f"{address} has no workers yet: start them with `dask worker {address} --nworkers auto --nthreads 1`")

    def _connect(self) -> None:
        """Connect to the scheduler; raises DeviceError if it does not answer"""
        try:
            self._client = self._dask.Client(self._address, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:  # no answer, no address
            raise DeviceError(
                f"scheduler is {self._address!r}, but no Dask scheduler answers there ({error}): start one with `dask "
                "scheduler`, and give the address that it prints"
            ) from error
        name = f"pp_ref-{uuid4().hex}"
        self._queue = self._dask.Queue(name, client=self._client)
        self._stop = self._dask.Event(name, client=self._client)
        self._names = name, name

    def begin(self, recipe: Recipe) -> None:
        name, claim = self._store.name(recipe), None
        if not self._shared and (claim := self._claims.take(name)) is None:
            self._said.append((recipe, ("held", self._claims.owner(name))))
            return
        folder = self._store.folder.absolute()
        kept = [] if self._shared else [path for path in self._store.leftovers(recipe) if path.suffix == ".safetensors"]
        files = {str(path.relative_to(self._store.folder)): path.read_bytes() for path in kept}
        store = RunStore(folder) if self._shared else None
        task = Task(self._run, recipe, store, files, *self._names, deciding_versions())
        # A worker may be killed any number of times before its task counts as failed.
        future = self._client.submit(work, task, key=f"{name}-{uuid4().hex}", pure=False, retries=0)
        future.add_done_callback(lambda _: self._news.set())
        self._runs[name] = recipe, future, claim

    def hear(self, seconds: float) -> list[tuple[Recipe, Said]]:
        try:
            if self._client.status != "running":
                raise OSError("the connection is lost")
            self._news.wait(0 if self._said else seconds)
            self._news.clear()
            for name, text, files in self._queue.get(batch=True, timeout=PATIENCE):
                if name in self._runs:
                    write_files(self._store, files)
                    self._said.append((self._runs[name][0], ("epoch", text)))
            for name, (_, future, _) in list(self._runs.items()):
                if future.status != "pending":
                    self._ended(name, future)
        except KeyError:  # the client has reached another scheduler at the same address
            self._reconnect(OSError("it was started again"))
        except (OSError, TimeoutError, self._dask.client.FuturesCancelledError) as error:
            self._reconnect(error)
        said, self._said = self._said, []
        return said

    def _ended(self, name: str, future: Any) -> None:
        """A future is done, has failed, or was lost with the scheduler."""
        if future.status in ("cancelled", "lost"):
            raise OSError("the scheduler has forgotten the run")
        if future.status == "error":
            error = future.exception(timeout=PATIENCE)
            said = "failed", f"{type(error).__name__}: {error}: are pp_ref and its extras installed on every worker?"
            files: Files = {}
        else:
            said, files = future.result(timeout=PATIENCE)
        recipe, _, claim = self._runs.pop(name)
        write_files(self._store, files)
        if said[0] == "done" and not self._shared:
            self._store.clear(recipe)
        self._release(claim)
        self._said.append((recipe, said))

    def _reconnect(self, error: BaseException) -> None:
        """Connect to the scheduler again, and give up what it was doing."""
        self._say(f"the scheduler at {self._address} is gone ({error}): waiting for it")
        self._leave()
        while True:
            try:
                self._connect()
                break
            except DeviceError:
                if self._stopping:
                    break
                time.sleep(AGAIN)
        for recipe, _, claim in self._runs.values():
            self._release(claim)
            self._said.append((recipe, ("lost", "handed in again, since the scheduler has forgotten it")))
        self._runs = {}

    def _release(self, claim: Claim | None) -> None:
        if claim:
            claim.release()

    def stop(self) -> None:
        self._stopping = True
        with suppress(OSError, TimeoutError):
            self._stop.set()
            begun = {key for keys in self._client.processing().values() for key in keys}
            for name, (recipe, future, claim) in list(self._runs.items()):
                if future.key not in begun:  # nobody will do it before the sweep ends
                    future.cancel()
                    self._release(claim)
                    del self._runs[name]
                    self._said.append((recipe, ("held", "")))

    def kill(self) -> None:
        """Workers end their runs at the next epoch: the scheduler tells them that nobody waits for it."""

    def close(self) -> None:
        for _, _, claim in self._runs.values():
            self._release(claim)
        with suppress(OSError, TimeoutError):
            self._stop.set()
        self._leave()

    def _leave(self) -> None:
        with suppress(OSError, TimeoutError):
            self._client.close(timeout=PATIENCE)
