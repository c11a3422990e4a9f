"""Who does the runs of a sweep: a pool, here of processes of this machine; and the signals that stop it."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from types import FrameType
from typing import Any, Protocol

from threadpoolctl import threadpool_limits

from pp_ref.experiments.claims import Claim, Claims
from pp_ref.experiments.run_store import Record, RunStore
from pp_ref.machine import cores

__all__ = ["Recipe", "Run", "Signals", "Worker", "signal_name"]

Recipe = dict[str, Any]
Report = Callable[[str], None]
Run = Callable[[Recipe, RunStore, Report], Record]  # a module's function: worker processes import it by name
# A word of what a worker says, and the text. "epoch", and at the end "done", "elsewhere" (another process has done it),
# "held" (another one is doing it), "failed", or "lost" (nobody is doing it any more).
Said = tuple[str, str]

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Pool(Protocol):
    """Who does the runs of a sweep."""

    size: float  # runs at a time

    def begin(self, recipe: Recipe) -> None:
        """Begin a run."""

    def hear(self, seconds: float) -> list[tuple[Recipe, Said]]:
        """What was said of the runs that were begun; wait at most so long for something."""

    def stop(self) -> None:
        """Let every run end after its epoch."""

    def kill(self) -> None:
        """End every run at once."""

    def close(self) -> None:
        """Let the workers go, whatever they are doing."""


class Processes:
    """The pool of a sweep on one machine."""

    def __init__(self, run: Run, store: RunStore, jobs: int) -> None:
        """jobs  processes; they share the machine's BLAS threads"""
        self.size: float = jobs
        self._start = partial(Worker, run, store, threads=max(1, cores() // jobs))
        self._workers: list[Worker] = []

    def begin(self, recipe: Recipe) -> None:
        idle = [worker for worker in self._workers if not worker.recipe and worker.process.is_alive()]
        if not idle:
            idle = [self._start()]
            self._workers += idle
        idle[0].send(recipe)

    def hear(self, seconds: float) -> list[tuple[Recipe, Said]]:
        busy = [worker for worker in self._workers if worker.recipe]
        ready = wait([worker.connection for worker in busy], seconds)
        return [(worker.recipe, worker.receive()) for worker in busy if worker.connection in ready and worker.recipe]

    def stop(self) -> None:
        for worker in self._workers:
            worker.send(None)

    def kill(self) -> None:
        for worker in self._workers:
            worker.process.kill()

    def close(self) -> None:
        for worker in self._workers:
            worker.close()


class Worker:
    """A process that does one run after another.

    A connection leads to it: recipes go in, `Said` come back. None goes in to stop it after the current epoch. Its end
    of file ends the process at once: the sweep was killed, or needs it no more.
    """

    def __init__(self, run: Run, store: RunStore, threads: int) -> None:
        context = get_context("spawn")  # a fork would copy locks of the BLAS's threads
        self.connection, end = context.Pipe()
        self.process = context.Process(target=_work, args=(end, run, store, threads))
        self.recipe: Recipe | None = None  # of the run that it is doing
        resource_tracker.ensure_running()  # it unblocks signals
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # in the new process too, until it ignores them
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        end.close()

    def send(self, recipe: Recipe | None) -> None:
        """Begin a run; with None, stop after the epoch."""
        self.recipe = recipe or self.recipe
        with suppress(OSError):  # it has ended, which `receive` says
            self.connection.send(recipe)

    def receive(self) -> Said:
        """What the worker says. If its process was killed, the run has failed.

        raises  RuntimeError if the process has ended by itself
        """
        try:
            said: Said = self.connection.recv()
        except (EOFError, OSError) as error:
            self.process.join()
            code = self.process.exitcode or 0
            if code >= 0:
                raise RuntimeError(
                    f"a process of the sweep has ended with exit code {code}, before its run did: its own message "
                    "is above"
                ) from error
            said = "failed", f"{signal.Signals(-code).name} ended its process: run again to go on from its last epoch"
        if said[0] != "epoch":
            self.recipe = None
        return said

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.join()


def _work(connection: Connection, run: Run, store: RunStore, threads: int) -> None:
    """Do runs until the connection ends."""
    for number in STOPS:  # a terminal sends them to every process, but the sweep says when to stop
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    _Inside(connection, run, store, threads).work()


class _Inside:
    """A worker, seen from inside its process."""

    def __init__(self, connection: Connection, run: Run, store: RunStore, threads: int) -> None:
        self.connection, self.run, self.store, self.threads = connection, run, store, threads
        self.claims = Claims(store.unfinished)
        self.recipes: SimpleQueue[Recipe] = SimpleQueue()
        self.stop = threading.Event()

    def work(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            self._say(*self._attempt(self.recipes.get()))

    def _listen(self) -> None:
        while True:
            try:
                recipe = self.connection.recv()
            except (EOFError, OSError):
                os._exit(1)
            if recipe is None:
                self.stop.set()
            else:
                self.recipes.put(recipe)

    def _say(self, word: str, text: str) -> None:
        try:
            self.connection.send((word, text))
        except OSError:
            os._exit(1)

    def _attempt(self, recipe: Recipe) -> Said:
        report = partial(self._say, "epoch")
        return attempt(self.run, recipe, self.store, self.claims, self.threads, report, self.stop.is_set)


def attempt(
    run: Run,
    recipe: Recipe,
    store: RunStore,
    claims: Claims,
    threads: int,
    report: Report,
    stopped: Callable[[], bool],
) -> Said:
    """Do a run if nobody else is doing it, with so many BLAS threads; stop after an epoch if ``stopped()``."""
    name = store.name(recipe)

    def epoch(claim: Claim, text: str) -> None:
        report(text)
        if stopped() or not claim.valid():
            raise KeyboardInterrupt

    try:
        claim = None if stopped() else claims.take(name)
        if claim is None:
            return "held", claims.owner(name)
        with claim:
            if store.load(recipe) is not None:
                store.clear(recipe)
                return "elsewhere", "done by another process"
            with threadpool_limits(threads):
                record = run(recipe, store, partial(epoch, claim))
            if not claim.valid():
                return "held", claims.owner(name)
            store.save(record)
        return "done", str(record["summary"])
    except KeyboardInterrupt:  # of `epoch`
        return "held", claims.owner(name)
    except BaseException as error:
        return "failed", f"{type(error).__name__}: {error}"


def signal_name(number: int) -> str:
    """Return the name of a signal, as its user knows it."""
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


class Signals:
    """Signals that arrive during a sweep. The first is noted in ``received``, a Ctrl-C after it ends all at once.

    A signal that was ignored before, as by nohup, is ignored still.
    """

    def __init__(self, pool: Pool, terminal: bool) -> None:
        """terminal  whether standard error is a terminal."""
        self.received = 0
        self._pool, self._terminal = pool, terminal

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note the signals that arrive in a `with` block. Only the main thread gets any."""
        before = {}
        if threading.current_thread() is threading.main_thread():
            heard = [number for number in STOPS if signal.getsignal(number) is not signal.SIG_IGN]
            before = {number: signal.signal(number, self._note) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._terminal and not os.isatty(2):  # the terminal is gone, and each write to it would fail
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        if self.received and number == signal.SIGINT:
            self._pool.kill()
            if self._terminal:
                os.write(2, b"\x1b[?25h\n")  # the cursor, which the progress bar hides
            os._exit(128 + number)
        self.received = self.received or number
