"""What the benchmarks share: contenders whose results were checked, in turns, with the machine's limits beside them."""

import os
import sys
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

from pp_ref.bench.timing import copy_rate, interleaved, peak_rate, row
from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.kernels.operands import SeparableOperands, separable_operands
from pp_ref.machine import cores
from pp_ref.records import circumstances

__all__ = [
    "Contender",
    "Real",
    "Record",
    "blocks",
    "contender",
    "installed",
    "lines",
    "record",
    "se_operands",
    "threads",
    "wide",
]

Real = NDArray[Any]
Record = dict[str, Any]
TASKS = Path("/proc/self/task")


class Contender(NamedTuple):
    run: Callable[[], Any]
    share: float  # of the bound that its result takes up
    first_s: float  # of its first call in this process, with what that loads and compiles
    flops: int
    least_bytes: int  # arrays read and written, once each


def contender(run: Callable[[], Any], share: Callable[[Any], float], flops: int, least_bytes: int) -> Contender:
    """Call it once, and have its result checked."""
    began = time.perf_counter()
    result = run()
    return Contender(
        run, first_s=time.perf_counter() - began, share=share(result), flops=flops, least_bytes=least_bytes
    )


def installed(name: str) -> Any:
    """PyTorch or JAX, or None; JAX with float64, which it would else turn into float32."""
    if not find_spec(name):
        return None
    library: Any = import_module(name)
    if name == "jax":
        library.config.update("jax_enable_x64", True)
    return library


def se_operands(side: int, proportion: float, columns: int, dtype: str, **settings: Any) -> SeparableOperands:
    """Of a square image, length scale 1, subnormals flushed."""
    rng = np.random.default_rng(0)
    space = Grid(side, side)
    return separable_operands(
        make_dictionary("se", space, proportion=proportion, n_columns=columns, rng=rng, **settings), dtype
    )


def wide(dtype: np.dtype[Any]) -> Any:
    """A dtype whose own rounding is far below the bounds of the other."""
    return np.float64 if dtype == np.float32 else np.longdouble


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


def blocks(
    shape: Record,
    contenders: Mapping[str, Contender],
    peers: Sequence[str],
    rounds: int,
    numbers: Sequence[int] | None = None,
) -> list[Record]:
    """Rows for one thread and for two, or other numbers. The best peer is the one with the smallest median."""
    wrong = {name: each.share for name, each in contenders.items() if not each.share <= 1}
    if wrong:
        sys.exit(f"{shape}: off by more than the bound, in shares of it: {wrong}; nothing was timed")
    found = []
    for number in numbers or ((1, 2) if cores() > 1 else (1,)):
        with threads(number):
            seconds = interleaved({name: each.run for name, each in contenders.items()}, rounds)
        best = min((median(seconds[name]) for name in peers), default=None)
        rows = [
            row(name, times, first_s=contenders[name].first_s, share_of_bound=contenders[name].share, seconds=times)
            | ({"times_best_peer": best / median(times)} if best else {})
            | ({"flops": each.flops, "least_bytes": each.least_bytes} if (each := contenders[name]).flops else {})
            for name, times in seconds.items()
        ]
        found.append(shape | {"threads": number, "rows": rows})
    return found


def record(what: str, dtype: str, rounds: int, measured: list[Record]) -> Record:
    """The blocks, with the machine's limits, and of each row its share of them."""
    limits = {}
    for number in sorted({block["threads"] for block in measured}):
        with threads(number):
            limits[number] = {"threads": number, "peak_gflops": peak_rate(), "copy_gb_s": copy_rate()}
    for block in measured:
        limit = limits[block["threads"]]
        for each in block["rows"]:
            if "flops" in each:
                each["share_of_peak"] = each["flops"] / each["min_s"] / 1e9 / limit["peak_gflops"]
                each["share_of_copy"] = each["least_bytes"] / each["min_s"] / 1e9 / limit["copy_gb_s"]
    head = {"what": what, "dtype": dtype, "rounds": rounds, "limits": list(limits.values())}
    return head | {"measured": measured} | circumstances()


def lines(record: Record) -> Iterator[str]:
    """What a record says, for a terminal."""
    yield record["what"]
    for limits in record["limits"]:
        yield "{threads} threads: product {peak_gflops:.0f} Gflop/s, copy {copy_gb_s:.0f} GB/s".format(**limits)
    for block in record["measured"]:
        shape = ", ".join(f"{name} {value}" for name, value in block.items() if name not in ("rows", "behind"))
        yield shape + (f"; behind the best by {block['behind']:.0%}" if "behind" in block else "")
        for each in block["rows"]:
            said = "  {name:22} median {ms:9.3f} ms, {low:.3f} to {high:.3f}; {share:.1%} of bound"
            times = {key: 1e3 * each[of] for key, of in (("ms", "median_s"), ("low", "min_s"), ("high", "max_s"))}
            more = f"; {each['times_best_peer']:.1f} x the best peer" if "times_best_peer" in each else ""
            yield said.format(name=each["name"], share=each["share_of_bound"], **times) + more
    yield from record.get("said", [])
