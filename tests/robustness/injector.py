"""Run the trials of formats in a child process, which may crash or hang: it is then ended and begun anew."""

import gc
import multiprocessing
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.robustness.faults import HOSTILE, ODD
from tests.robustness.trials import DAMAGE, VERDICTS, WRITE_FAULTS, Bench, Format, Outcome

FORMATS = "tests.robustness.formats"
QUICK, LONG = 5, 100  # trials of each kind of damage and format
LIMIT = 20.0  # seconds a trial: many times what an honest reading takes on a busy machine
FIRST_LIMIT = 120.0  # seconds until the honest files are written and read, imports included
BAD = ("silent", "raw", "hung", "left", "too much memory")


class Row(NamedTuple):
    """The trials of one format under one fault: how many had each verdict, and how many took too much memory."""

    format: str
    fault: str
    trials: int
    counts: dict[str, int]
    most_mb: float
    slowest_s: float
    wrong: list[str]  # what was said of each trial that is none of "refused" and "equal", or took too much memory


def inject(
    name: str,
    hostile: Mapping[str, Path],
    trials: int,
    seed: int,
    formats: str = FORMATS,
    limit: float = LIMIT,
    faults: Sequence[str] | None = None,
) -> Iterator[Row]:
    """Yield the rows of one format.

    name     of a format in FORMATS of the module ``formats``
    hostile  what `faults.hostile_files` returned
    trials   of each kind of damage; of the other faults there are fewer
    limit    seconds of a trial
    faults   None: those of the format
    """
    form: Format = import_module(formats).FORMATS[name]
    with TemporaryDirectory(prefix="pp_ref-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        root.chmod(0o755)  # for trials of a user without rights
        child = Child(formats, name, root, hostile, seed, limit)
        try:
            for fault in faults or form.faults:
                numbers = range(ceil(asked(fault, trials) / form.every))
                yield _row(name, fault, [child.trial(fault, number) for number in numbers])
        finally:
            child.close()


def asked(fault: str, trials: int) -> int:
    """The number of trials of a fault."""
    if fault in DAMAGE:
        return trials
    kinds = {"hostile content": len(HOSTILE), "odd file": len(ODD)}
    return max(kinds.get(fault, 2), trials // (2 if fault in WRITE_FAULTS else 4))


def _row(name: str, fault: str, outcomes: list[Outcome]) -> Row:
    counts = {verdict: sum(each.verdict == verdict for each in outcomes) for verdict in VERDICTS}
    counts["too much memory"] = sum(each.too_much for each in outcomes)
    wrong = [
        f"{name}: {each.said}: {each.verdict}" + f", {each.memory_mb:.0f} MB" * each.too_much
        for each in outcomes
        if each.verdict in BAD or each.too_much
    ]
    most, slowest = max(each.memory_mb for each in outcomes), max(each.seconds for each in outcomes)
    return Row(name, fault, len(outcomes), counts, most, slowest, wrong)


class Child:
    """A process with the bench of one format."""

    def __init__(self, *bench: Any) -> None:
        *self.bench, self.limit = bench
        self.started = 0
        self._start()

    def trial(self, fault: str, number: int) -> Outcome:
        if self.process is None:
            self._start()
        with suppress(OSError):  # it may have ended since
            self.pipe.send((fault, number))
        outcome = self._receive(self.limit)
        if isinstance(outcome, Outcome):
            return outcome
        code = self.process.exitcode
        self.close()
        said = f"{fault}, number {number}"
        if code is None:
            return Outcome("hung", f"{said}: nothing after {self.limit:g} s", seconds=self.limit)
        return Outcome("raw", f"{said}: the process ended with exit code {code}")

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
            self.process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        formats, name, root, hostile, seed = self.bench
        self.started += 1
        self.pipe, theirs = context.Pipe()
        given = (theirs, formats, name, root / str(self.started), hostile, seed)
        self.process: Any = context.Process(target=_serve, args=given, daemon=True)
        self.process.start()
        theirs.close()
        ready = self._receive(FIRST_LIMIT)
        if ready is not True:
            self.close()
            raise AssertionError(f"{name}: the honest files cannot be written and read: {ready or 'no answer'}")

    def _receive(self, limit: float) -> Any:
        """What the child sends; None if it ends, or takes too long."""
        try:
            return self.pipe.recv() if self.pipe.poll(limit) else None
        except (EOFError, OSError):
            self.process.join()
            return None


def _serve(pipe: Any, formats: str, name: str, root: Path, hostile: Mapping[str, Path], seed: int) -> None:
    """In the child: say that the honest files are read, then answer faults and numbers with outcomes."""
    warnings.simplefilter("ignore")  # a cache that cannot be written is warned of

    try:
        bench = Bench(import_module(formats).FORMATS[name], root, hostile, seed)
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
        return
    gc.freeze()  # each trial collects garbage: it need not look at the modules
    pipe.send(True)

    while True:
        try:
            fault, number = pipe.recv()
        except EOFError:
            return
        pipe.send(bench.trial(fault, number))
