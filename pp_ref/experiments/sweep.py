"""Many runs, several at a time. Finished runs are skipped: a sweep that was killed goes on where it stopped."""

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from queue import Empty, Queue
from threading import Event
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from threadpoolctl import threadpool_limits

from pp_ref.errors import DomainError
from pp_ref.experiments.run_store import Record, RunStore
from pp_ref.machine import cores

Recipe = dict[str, Any]
Report = Callable[[str], None]
Run = Callable[[Recipe, RunStore, Report], Record]  # a module's function: worker processes import it by name


@dataclass(frozen=True)
class Sweep:
    """Records in the order of the recipes, None for a run that failed; and a sentence a failure."""

    records: list[Record | None]
    failures: list[str]


def sweep(
    run: Run, recipes: Sequence[Recipe], store: RunStore, *, jobs: int = 1, epochs: Callable[[Recipe], int]
) -> Sweep:
    """Run every recipe that has no record yet.

    run      (recipe, store, report) -> record; calls report(text) once an epoch
    recipes  JSON-serialisable, with "label", "proportion" and "seed"
    jobs     int >= 1 processes; they share the machine's BLAS threads
    epochs   (recipe) -> how often its run reports; the progress bar estimates the time left from it
    returns  Sweep; a run that raises is a failure, and the others go on
    raises   DomainError; DataError for a damaged record; KeyboardInterrupt on Ctrl-C: finished runs are kept, and the
             last epoch of each unfinished run
    """
    if jobs < 1:
        raise DomainError(f"jobs is {jobs}, expected an int >= 1: how many runs are done at a time")
    pending = [recipe for recipe in recipes if store.load(recipe) is None]
    threads = max(1, cores() // jobs)
    failures: list[str] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    console, context = Console(stderr=True), get_context("spawn")  # a fork would copy locks of the BLAS's threads
    with context.Manager() as manager, Progress(*columns, *times, console=console) as progress:
        reports: Queue[str] = manager.Queue()
        stop: Event = manager.Event()
        bar = progress.add_task(f"{len(pending)} of {len(recipes)} runs to do", total=sum(map(epochs, pending)))
        # Ctrl-C reaches every process of a terminal. The workers ignore it, and this process sets `stop` for them: they
        # end between two epochs, whoever sent the signal, and do not begin runs that the pool has handed them already.
        pool = ProcessPoolExecutor(jobs, context, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
        try:
            waiting = {pool.submit(_worker, run, recipe, store, reports, stop, threads): recipe for recipe in pending}
            while waiting:
                done, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                _show(reports, progress, bar)
                for future in done:
                    name = store.name(waiting.pop(future))
                    failures += _outcome(future, name, console)
        except KeyboardInterrupt:
            console.print("Ctrl-C: stopping at the end of this epoch ...")
            stop.set()
            pool.shutdown(cancel_futures=True)
            finished = sum(store.load(recipe) is not None for recipe in recipes)
            console.print(
                f"Stopped by Ctrl-C. {finished} of {len(recipes)} runs are finished; {store.folder} keeps them, and "
                "the last epoch of a run with epochs: give the same command again to go on."
            )
            raise
        pool.shutdown()
    return Sweep([store.load(recipe) for recipe in recipes], failures)


def _worker(run: Run, recipe: Recipe, store: RunStore, reports: "Queue[str]", stop: Event, threads: int) -> str:
    def report(text: str) -> None:
        if (parent := parent_process()) and not parent.is_alive():  # it was killed, and cannot set `stop`
            raise KeyboardInterrupt
        reports.put(text)
        if stop.is_set():
            raise KeyboardInterrupt

    if stop.is_set():
        raise KeyboardInterrupt
    with threadpool_limits(threads):
        record = run(recipe, store, report)
        store.save(record)
    return str(record["summary"])


def _show(reports: "Queue[str]", progress: Progress, bar: Any) -> None:
    while True:
        try:
            progress.update(bar, advance=1, description=reports.get_nowait())
        except Empty:
            return


def _outcome(future: "Future[str]", name: str, console: Console) -> list[str]:
    if error := future.exception():
        console.print(f"{name}: failed: {error}", style="red", markup=False)
        return [f"{name}: {type(error).__name__}: {error}"]
    console.print(f"{name}: {future.result()}", markup=False, highlight=False)
    return []
