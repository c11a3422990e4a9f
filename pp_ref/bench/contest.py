"""Contenders whose results were checked, timed in turns, and the machine's limits."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec
from math import inf
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pp_ref.arrays import to_numpy
from pp_ref.errors import InaccurateError, import_extra
from pp_ref.kernels.bounds import largest_share
from pp_ref.machine import cores

__all__ = [
    "Block",
    "Contender",
    "Real",
    "Run",
    "block",
    "blocks",
    "choice",
    "contender",
    "copy_rate",
    "installed",
    "interleaved",
    "numbers_of_threads",
    "peak_rate",
    "row",
    "say",
    "share_of_bounds",
    "share_of_largest",
    "threads",
    "told",
    "wall_seconds",
]

numba = import_extra("numba", "fast")

Real = NDArray[Any]
Block = dict[str, Any]
Run = Callable[[], Any]
TASKS = Path("/proc/self/task")
QUIET = 0.5  # seconds between reports
_REPORT: ContextVar[Callable[[str], None] | None] = ContextVar("report", default=None)


class Contender(NamedTuple):
    """What a benchmark times.

    share        largest error in units of its bound; None for a peer with which the others are compared
    first_s      seconds a step of the first call in this process, including loading and compiling
    flops        of a step; 0: not counted
    least_bytes  size of the arrays that a step reads and writes, each counted once; 0: not counted
    steps        number of steps in a call; the record has the seconds of one step
    """

    run: Run
    share: float | None
    first_s: float
    flops: int
    least_bytes: int
    steps: int


def contender(
    run: Run, share: Callable[[Any], float] | float | None = None, flops: int = 0, least_bytes: int = 0, steps: int = 1
) -> Contender:
    """Call ``run`` once and return it as a contender; a function ``share`` is given the result."""
    began = time.perf_counter()
    result = run()
    first_s = (time.perf_counter() - began) / steps
    return Contender(run, share(result) if callable(share) else share, first_s, flops, least_bytes, steps)


def share_of_bounds(*parts: tuple[Any, Real, Any]) -> float:
    """Return the largest |got - want| / bound over parts (got, want, bound); NaN if an entry is NaN.

    ``got`` is an array of any library, or None if it was not computed.
    """
    return float(np.max([largest_share(to_numpy(got), want, bound) for got, want, bound in parts if got is not None]))


def share_of_largest(got: Mapping[str, Any], want: Mapping[str, Real], unit: Any) -> float:
    """Return `share_of_bounds` for arrays by name, whose bound is ``unit`` times the largest entry of |want|."""
    return share_of_bounds(*((got[name], each, unit * np.max(np.abs(each))) for name, each in want.items()))


def installed(name: str) -> Any:
    """Return PyTorch or JAX, or None if it is not installed. JAX gets float64, which it would else round to float32."""
    if not find_spec(name):
        return None
    library: Any = import_module(name)
    if name == "jax":
        library.config.update("jax_enable_x64", True)
    return library


def numbers_of_threads() -> tuple[int, ...]:
    """Return (1, 2), or (1,) on a machine with one core."""
    return (1, 2) if cores() > 1 else (1,)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Give every library this many threads.

    XLA starts a thread a core and has no setting for it. On Linux all threads of this process are therefore held to
    ``number`` cores; elsewhere JAX is timed with all cores.
    """
    before = numba.get_num_threads()
    numba.set_num_threads(min(number, before))
    if torch := installed("torch"):
        torch.set_num_threads(number)
    mine = os.sched_getaffinity(0) if TASKS.is_dir() else set()
    _hold(set(sorted(mine)[-number:]))
    try:
        with threadpool_limits(number):
            yield
    finally:
        _hold(mine)
        numba.set_num_threads(before)


def _hold(to: set[int]) -> None:
    for task in TASKS.iterdir() if to else ():
        with suppress(ProcessLookupError):  # a thread that has just ended
            os.sched_setaffinity(int(task.name), to)


def wall_seconds(run: Run) -> float:
    """Return the seconds of one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


@contextmanager
def told(report: Callable[[str], None]) -> Iterator[None]:
    """Let ``report`` be called with what is being timed; never between the contenders of a round."""
    before = _REPORT.set(report)
    try:
        yield
    finally:
        _REPORT.reset(before)


def say(text: str) -> None:
    """Call the function that `told` was given, if there is one."""
    if report := _REPORT.get():
        report(text)


def interleaved(
    contenders: Mapping[str, Run], rounds: int, seconds: Callable[[Run], float] = wall_seconds, what: str = ""
) -> dict[str, list[float]]:
    """Call the contenders in turns and return their seconds in every round; the first round is not counted.

    what  is told of, if it is given: before the first round, and before others where half a second has gone by, so that
          short rounds are not disturbed
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    last = -inf
    for number in range(rounds + 1):
        if what and time.monotonic() - last > QUIET:
            say(f"{what}: round {number} of {rounds}" if number else f"{what}: warming up")
            last = time.monotonic()
        for name, run in contenders.items():
            took = seconds(run)
            if number:
                found[name].append(took)
    return found


def row(name: str, seconds: list[float], **more: Any) -> dict[str, Any]:
    """Return a contender's row of a block."""
    return {"name": name, "min_s": min(seconds), "median_s": median(seconds), "max_s": max(seconds)} | (
        more | {"seconds": seconds}
    )


def block(
    shape: Block,
    contenders: Mapping[str, Contender],
    peers: Sequence[str],
    rounds: int,
    seconds: Callable[[Run], float] = wall_seconds,
) -> Block:
    """Time the contenders and return a block with a row each. The best peer has the smallest median.

    raises  InaccurateError, before anything is timed, if a result is off by more than its bound
    """
    wrong = {name: each.share for name, each in contenders.items() if each.share is not None and not each.share <= 1}
    if wrong:
        raise InaccurateError(f"{shape}: off by more than the bound, in shares of it: {wrong}; nothing was timed")
    runs = {name: each.run for name, each in contenders.items()}
    what = ", ".join(f"{name} {value}" for name, value in shape.items()) or "step"
    calls = interleaved(runs, rounds, seconds, what)
    steps = {name: [call / contenders[name].steps for call in taken] for name, taken in calls.items()}
    best = min((median(steps[name]) for name in peers), default=None)
    rows = []
    for name, each in contenders.items():
        said = {
            "first_s": each.first_s,
            "share_of_bound": each.share,
            "times_best_peer": best and best / median(steps[name]),
            "flops": each.flops or None,
            "least_bytes": each.least_bytes or None,
        }
        rows.append(row(name, steps[name], **{key: value for key, value in said.items() if value is not None}))
    return shape | {"rows": rows}


def blocks(
    shape: Block,
    contenders: Mapping[str, Contender],
    peers: Sequence[str],
    rounds: int,
    numbers: Sequence[int] | None = None,
) -> list[Block]:
    """Return a block for each number of threads, by default `numbers_of_threads`."""
    found = []
    for number in numbers or numbers_of_threads():
        with threads(number):
            found.append(block(shape | {"threads": number}, contenders, peers, rounds))
    return found


def choice(plan: Any, seconds: Mapping[str, float], chosen: str | None = None) -> dict[str, Any]:
    """Return a block's `choice`: how much longer ``chosen``, by default the plan's way, takes than the best way."""
    best = min(seconds, key=seconds.__getitem__)
    behind = seconds[chosen or plan.way.name] / seconds[best] - 1
    return {"plan": str(plan), "way": plan.way.name, "best": best, "behind": behind}


def peak_rate() -> float:
    """Return the Gflop/s of a 2048 x 2048 x 2048 float32 product, the best of five."""
    a = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    (times,) = interleaved({"product": lambda: a @ a}, 5).values()
    return 2 * 2048**3 / min(times) / 1e9


def copy_rate() -> float:
    """Return the GB/s of copying 64 MB, reads and writes counted, the best of nine."""
    source = np.ones(1 << 23)
    target = np.empty_like(source)
    (times,) = interleaved({"copy": lambda: np.copyto(target, source)}, 9).values()
    return 2 * source.nbytes / min(times) / 1e9
