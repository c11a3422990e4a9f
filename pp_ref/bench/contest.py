"""Contenders whose results were checked, timed in turns, and the machine's limits."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pp_ref.errors import InaccurateError
from pp_ref.machine import cores

__all__ = [
    "Block",
    "Contender",
    "Real",
    "block",
    "blocks",
    "contender",
    "copy_rate",
    "installed",
    "interleaved",
    "numbers_of_threads",
    "peak_rate",
    "row",
    "threads",
]

Real = NDArray[Any]
Block = dict[str, Any]
TASKS = Path("/proc/self/task")


class Contender(NamedTuple):
    run: Callable[[], Any]
    share: float | None  # of the bound that its result takes up; None for what the others are compared with
    first_s: float  # of its first call in this process, with what that loads and compiles
    flops: int  # of a step; 0 where they are not counted
    least_bytes: int  # arrays that a step reads and writes, once each; 0 where they are not counted
    steps: int  # that a call does: seconds are those of one


def contender(
    run: Callable[[], Any],
    share: Callable[[Any], float] | float | None = None,
    flops: int = 0,
    least_bytes: int = 0,
    steps: int = 1,
) -> Contender:
    """Call it once, and have its result checked, unless its share of the bound is known."""
    began = time.perf_counter()
    result = run()
    first_s = (time.perf_counter() - began) / steps
    return Contender(run, share(result) if callable(share) else share, first_s, flops, least_bytes, steps)


def installed(name: str) -> Any:
    """PyTorch or JAX, or None; JAX with float64, which it would else turn into float32."""
    if not find_spec(name):
        return None
    library: Any = import_module(name)
    if name == "jax":
        library.config.update("jax_enable_x64", True)
    return library


def numbers_of_threads() -> tuple[int, ...]:
    """One, and two where there are two cores."""
    return (1, 2) if cores() > 1 else (1,)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """All libraries with this many threads.

    XLA takes as many as there are cores when it starts, and cannot be told otherwise: where they shall be fewer, all
    threads of this process are held to so many cores (on Linux; elsewhere its times are those of all cores).
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


def wall_seconds(run: Callable[[], Any]) -> float:
    """Of one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def interleaved(
    contenders: Mapping[str, Callable[[], Any]],
    rounds: int,
    seconds: Callable[[Callable[[], Any]], float] = wall_seconds,
) -> dict[str, list[float]]:
    """Seconds of every contender in every round; the first round warms up and is not counted."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            took = seconds(run)
            if number:
                found[name].append(took)
    return found


def row(name: str, seconds: list[float], **more: Any) -> dict[str, Any]:
    """One contender's line of a record."""
    return {"name": name, "min_s": min(seconds), "median_s": median(seconds), "max_s": max(seconds)} | (
        more | {"seconds": seconds}
    )


def block(
    shape: Block,
    contenders: Mapping[str, Contender],
    peers: Sequence[str],
    rounds: int,
    seconds: Callable[[Callable[[], Any]], float] = wall_seconds,
) -> Block:
    """A row for each contender. The best peer is the one with the smallest median.

    raises  InaccurateError if a result is off by more than its bound; then nothing is timed
    """
    wrong = {name: each.share for name, each in contenders.items() if each.share is not None and not each.share <= 1}
    if wrong:
        raise InaccurateError(f"{shape}: off by more than the bound, in shares of it: {wrong}; nothing was timed")
    calls = interleaved({name: each.run for name, each in contenders.items()}, rounds, seconds)
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
    """A block with one thread, and one with two, or other numbers."""
    found = []
    for number in numbers or numbers_of_threads():
        with threads(number):
            found.append(block(shape | {"threads": number}, contenders, peers, rounds))
    return found


def peak_rate() -> float:
    """Gflop/s of a 2048 x 2048 x 2048 float32 product, the best of five."""
    a = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    (times,) = interleaved({"product": lambda: a @ a}, 5).values()
    return 2 * 2048**3 / min(times) / 1e9


def copy_rate() -> float:
    """GB/s of copying 64 MB, read and written counted alike, the best of nine."""
    source = np.ones(1 << 23)
    target = np.empty_like(source)
    (times,) = interleaved({"copy": lambda: np.copyto(target, source)}, 9).values()
    return 2 * source.nbytes / min(times) / 1e9
