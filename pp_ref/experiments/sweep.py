"""Many runs, several at a time, divided with every other sweep in the same folder; finished runs are skipped."""

import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from pp_ref.errors import DomainError
from pp_ref.experiments.claims import Claims
from pp_ref.experiments.needs import check_needs
from pp_ref.experiments.run_store import Record, RunStore
from pp_ref.experiments.workers import Pool, Processes, Recipe, Report, Run, Signals, signal_name

__all__ = ["Sweep", "sweep"]

AGAIN = 1.0  # seconds from one attempt at the runs of other processes to the next
LOOK = 0.2  # seconds from one look for a signal to the next


@dataclass(frozen=True)
class Sweep:
    """Records in the order of the recipes, None for a run that failed; and a sentence for each kind of failure."""

    records: list[Record | None]
    failures: list[str]


def sweep(
    run: Run,
    recipes: Sequence[Recipe],
    store: RunStore,
    *,
    jobs: int = 1,
    epochs: Callable[[Recipe], int],
    check: Callable[[Recipe], None] = check_needs,
    start: Callable[[Run, RunStore, Report], Pool] | None = None,
) -> Sweep:
    """Do every run that has no record yet.

    run      (recipe, store, report) -> record; calls report(text) once an epoch
    recipes  JSON-serialisable, with "label", "proportion" and "seed"
    jobs     int >= 1 processes; they share the machine's BLAS threads
    epochs   (recipe) -> how often its run reports; the progress bar estimates the time left from it
    check    (recipe) -> None; raises if the run would lack something. Called for every run before the first is begun
    start    (run, store, say) -> the pool that does the runs, which calls say(text); None: ``jobs`` processes of this
             machine
    returns  Sweep; a run that raises is a failure, and the others go on
    raises   DomainError; DataError for a damaged record, or a folder that cannot be written; what `check` raises;
             KeyboardInterrupt on Ctrl-C, SystemExit with code 143 on SIGTERM or 129 on SIGHUP: finished runs are kept,
             and the last epoch of each unfinished run. A second Ctrl-C ends all processes at once

    Any number of sweeps may work in one folder: each run is done by one of them (`claims`). A sweep waits at its end
    for the runs that other processes are doing.
    """
    if jobs < 1:
        raise DomainError(f"jobs is {jobs}, expected an int >= 1: how many runs are done at a time")
    todo = [recipe for recipe in recipes if store.load(recipe) is None]
    left = [recipe for recipe in recipes if recipe not in todo and store.leftovers(recipe)]
    for recipe in todo:
        check(recipe)
    if todo or left:
        store.check_writable()
    for recipe in left:  # a kill came between its record and the removal of these files
        if claim := Claims(store.unfinished).take(store.name(recipe)):
            with claim:
                store.clear(recipe)
    console = Console(stderr=True)
    console.print(_begins(len(todo), len(recipes)), highlight=False)
    text = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))
    columns = (text, BarColumn(bar_width=12), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(
        *columns, *times, console=console, expand=True, disable=not (todo and console.is_terminal)
    ) as progress:
        bar = progress.add_task("starting the first run", total=sum(map(epochs, todo)))
        say = partial(console.print, markup=False, highlight=False)
        pool = start(run, store, say) if start and todo else Processes(run, store, jobs)
        course = _Course(pool, store, epochs, todo, console, partial(progress.update, bar))
        signals = Signals(pool, console.is_terminal)
        try:
            with signals.noted():
                while not signals.received and course.goes_on():
                    course.hand_out()
                    course.hear()
                if signals.received:
                    console.print(f"{signal_name(signals.received)}: stopping at the end of this epoch ...")
                    course.stop()
        finally:
            pool.close()
        if signals.received:
            finished = sum(store.load(recipe) is not None for recipe in recipes)
            console.print(
                f"Stopped by {signal_name(signals.received)}. {finished} of {len(recipes)} runs are finished; "
                f"{store.folder} keeps them, and the last epoch of a run with epochs: give the same command again to "
                "go on."
            )
            if signals.received == signal.SIGINT:
                raise KeyboardInterrupt
            sys.exit(128 + signals.received)
    return Sweep([store.load(recipe) for recipe in recipes], course.failures())


def _begins(todo: int, runs: int) -> str:
    """The sentence before the first run."""
    if todo:
        return f"{todo} of {runs} runs to do"
    return "the only run is done already" if runs == 1 else f"all {runs} runs are done already"


class _Course:
    """Which runs of a sweep are left, and which ones the pool is doing."""

    def __init__(
        self,
        pool: Pool,
        store: RunStore,
        epochs: Callable[[Recipe], int],
        todo: Sequence[Recipe],
        console: Console,
        update: Callable[..., None],  # the progress bar
    ) -> None:
        self._pool, self._store, self._epochs = pool, store, epochs
        self._busy: list[Recipe] = []
        self._console, self._update = console, update
        self._pending = deque(todo)
        self._held: dict[str, tuple[Recipe, str]] = {}  # by name, runs of other processes, and whose
        self._awaited: set[str] = set()  # names of those that were announced
        self._again = 0.0  # when they are tried again
        self._failed: dict[str, tuple[str, list[str]]] = {}  # by kind, what is said of it, and the names of the runs

    def goes_on(self) -> bool:
        """Whether a run is left."""
        return bool(self._pending or self._held or self._busy)

    def hand_out(self) -> None:
        """Begin runs until each of the workers has one."""
        if self._held and not self._pending and time.monotonic() > self._again:
            for name in self._held.keys() - self._awaited:
                self._say(f"{name}: waiting for {self._held[name][1]}, which is doing it")
            self._awaited |= self._held.keys()
            self._pending.extend(recipe for recipe, _ in self._held.values())
            self._held, self._again = {}, time.monotonic() + AGAIN
        while self._pending and len(self._busy) < self._pool.size:
            self._busy.append(self._pending.popleft())
            self._pool.begin(self._busy[-1])

    def hear(self) -> None:
        """Wait for what workers say, at most until the next look for a signal."""
        for recipe, said in self._pool.hear(LOOK):
            name = self._store.name(recipe)
            if said[0] != "epoch":
                self._busy.remove(recipe)
            match said:
                case "epoch", text:
                    self._update(advance=1, description=text)
                case "held", owner:
                    self._held[name] = recipe, owner
                case "elsewhere", text:
                    self._update(advance=self._epochs(recipe))
                    self._say(f"{name}: {text}")
                case "done", text:
                    self._say(f"{name}: {text}")
                case "failed", text:
                    self._fail(name, text)
                case "lost", text:
                    self._pending.append(recipe)
                    self._say(f"{name}: {text}")

    def stop(self) -> None:
        """Let every worker end its epoch."""
        self._pool.stop()
        while self._busy:
            self.hear()

    def failures(self) -> list[str]:
        """A sentence for each kind of failure."""
        return [
            f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {text}"
            for text, names in self._failed.values()
        ]

    def _fail(self, name: str, text: str) -> None:
        _, names = self._failed.setdefault(text.replace(name, "*"), (text, []))
        if not names:
            self._say(f"{name}: failed: {text}", style="red")
        names.append(name)

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, markup=False, highlight=False)
