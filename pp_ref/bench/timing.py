"""What the speed records share: contenders in turns in one process, and the machine's limits beside them."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def interleaved(contenders: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every contender in every round; the first round warms up and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def row(name: str, times: list[float], **more: Any) -> dict[str, Any]:
    """One contender's line of a record."""
    return {"name": name, "min_s": min(times), "median_s": statistics.median(times), "max_s": max(times)} | more


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
