"""Contenders whose results were checked before they are timed, their rows, and the machine's limits."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pp_ref.arrays import to_numpy
from pp_ref.bench.noise import best_median, unstable
from pp_ref.bench.timing import Run, Timing, interleaved
from pp_ref.errors import InaccurateError, import_extra
from pp_ref.kernels.bounds import largest_share
from pp_ref.machine import cores

__all__ = [
    "Block",
    "Contender",
    "Real",
    "block",
    "blocks",
    "choice",
    "contender",
    "installed",
    "numbers_of_threads",
    "rates",
    "row",
    "share_of_bounds",
    "share_of_largest",
    "threads",
]

numba = import_extra("numba", "fast")

Real = NDArray[Any]
Block = dict[str, Any]
TASKS = Path("/proc/self/task")


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


def row(name: str, seconds: list[float], **more: Any) -> dict[str, Any]:
    """Return a contender's row of a block: the seconds of a step in each turn, and what they come to."""
    made = {"name": name, "min_s": min(seconds), "median_s": median(seconds), "max_s": max(seconds)}
    return made | more | {"seconds": seconds}


def block(shape: Block, contenders: Mapping[str, Contender], peers: Sequence[str], timing: Timing) -> Block:
    """Time the contenders and return a block with a row each. The best peer has the smallest median.

    raises  InaccurateError, before anything is timed, if a result is off by more than its bound
    """
    wrong = {name: each.share for name, each in contenders.items() if each.share is not None and not each.share <= 1}
    if wrong:
        raise InaccurateError(f"{shape}: off by more than the bound, in shares of it: {wrong}; nothing was timed")
    runs = {name: each.run for name, each in contenders.items()}
    what = ", ".join(f"{name} {value}" for name, value in shape.items()) or "step"
    rows = {}
    for name, turns in interleaved(runs, timing, what).items():
        each = contenders[name]
        counted = {
            "first_s": each.first_s,
            "share_of_bound": each.share,
            "flops": each.flops or None,
            "least_bytes": each.least_bytes or None,
            "calls": [turn.calls for turn in turns],
        }
        seconds = [turn.seconds / turn.calls / each.steps for turn in turns]
        rows[name] = row(name, seconds, **{key: value for key, value in counted.items() if value is not None})
    best = best_median([rows[name] for name in peers])
    for each_row in rows.values():
        each_row["unstable"] = unstable(each_row)
        if best and not each_row["unstable"]:
            each_row["times_best_peer"] = best / each_row["median_s"]
    return shape | {"rows": list(rows.values())} | ({"peers": list(peers)} if peers else {})


def blocks(
    shape: Block,
    contenders: Mapping[str, Contender],
    peers: Sequence[str],
    timing: Timing,
    numbers: Sequence[int] | None = None,
) -> list[Block]:
    """Return a block for each number of threads, by default `numbers_of_threads`."""
    found = []
    for number in numbers or numbers_of_threads():
        with threads(number):
            found.append(block(shape | {"threads": number}, contenders, peers, timing))
    return found


def choice(plan: Any, rows: Sequence[dict[str, Any]], chosen: str | None = None) -> dict[str, Any]:
    """Return a block's `choice`: how much longer ``chosen``, by default the plan's way, takes than the best row.

    rows     of the block that are compared, by their medians
    returns  `behind` is None if the chosen row is unstable, or one that may be the best
    """
    best = min(rows, key=lambda row: float(row["median_s"]))
    (ours,) = (row for row in rows if row["name"] == (chosen or plan.way.name))
    known = best_median(rows) is not None and not unstable(ours)
    behind = ours["median_s"] / best["median_s"] - 1 if known else None
    return {"plan": str(plan), "way": plan.way.name, "best": best["name"], "behind": behind}


def rates(timing: Timing) -> dict[str, float]:
    """Return the Gflop/s of a 2048 x 2048 x 2048 float32 product, and the GB/s of copying 64 MB, reads and writes
    counted: the best turn of each."""
    a = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    source = np.ones(1 << 23)
    target = np.empty_like(source)
    turns = interleaved({"product": lambda: a @ a, "copy": lambda: np.copyto(target, source)}, timing)
    product, copy = (min(turn.seconds / turn.calls for turn in turns[name]) for name in ("product", "copy"))
    return {"peak_gflops": 2 * 2048**3 / product / 1e9, "copy_gb_s": 2 * source.nbytes / copy / 1e9}
