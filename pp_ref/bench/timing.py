"""How contenders are timed. Every number of seconds in `pp_ref.bench` comes from `interleaved`.

Contenders take turns. A turn is a block of calls, not a single call: the threads of a BLAS wait awake for some 20 ms
after a product and hold their cores, so that a contender which is called once, in its turn, runs on what the one before
has left. `pp-ref bench turns` measures the difference.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import Any, NamedTuple

__all__ = ["Run", "Timing", "Turn", "interleaved", "kind", "said", "say", "told", "wall_seconds"]

Run = Callable[[], Any]
QUIET = 0.5  # seconds between reports
_REPORT: ContextVar[Callable[[str], None] | None] = ContextVar("report", default=None)


def wall_seconds(run: Run) -> float:
    """Return the seconds of one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


class Timing(NamedTuple):
    """How contenders take turns.

    rounds       turns of each contender
    turn_s       a turn's calls take at least this long together; 0: a turn is a single call
    uncounted_s  calls that begin in this first part of a turn are not counted
    clock        (run) -> the seconds of one call, which it makes
    """

    rounds: int
    turn_s: float = 0.2
    uncounted_s: float = 0.05
    clock: Callable[[Run], float] = wall_seconds

    def of_single_calls(self) -> "Timing":
        """Return the same with turns of a single call, all of which is counted."""
        return self._replace(turn_s=0.0, uncounted_s=0.0)

    def described(self) -> dict[str, float]:
        """Return what a record says of a turn beside its number of rounds."""
        return {"turn_s": self.turn_s, "uncounted_s": self.uncounted_s}


class Turn(NamedTuple):
    """The counted calls of a contender's turn, and their seconds together."""

    calls: int
    seconds: float


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


def interleaved(contenders: Mapping[str, Run], timing: Timing, what: str = "") -> dict[str, list[Turn]]:
    """Return the turns of each contender, one a round: in each round all contenders have theirs, in the given order.

    what  is told of, if it is given: before the first round, and before others where half a second has gone by, so that
          short rounds are not disturbed

    Two calls of each go before and are not counted. The first may compile; if the second takes as long as a turn, each
    turn of this contender is one call, all of which is counted.
    """
    found: dict[str, list[Turn]] = {name: [] for name in contenders}
    if what:
        say(f"{what}: warming up")
    long = {name: [timing.clock(run) for _ in range(2)][-1] >= timing.turn_s for name, run in contenders.items()}
    last = -inf
    for number in range(1, timing.rounds + 1):
        if what and time.monotonic() - last > QUIET:
            say(f"{what}: round {number} of {timing.rounds}")
            last = time.monotonic()
        for name, run in contenders.items():
            found[name].append(Turn(1, timing.clock(run)) if long[name] else _turn(run, timing))
    return found


def _turn(run: Run, timing: Timing) -> Turn:
    calls, counted, uncounted = 0, 0.0, 0.0
    while uncounted < timing.uncounted_s:
        uncounted += timing.clock(run)
    while not calls or uncounted + counted < timing.turn_s:
        counted += timing.clock(run)
        calls += 1
    return Turn(calls, counted)


def kind(record: Mapping[str, Any]) -> str:
    """Return of what kind a record's turns are, in words. Records of before have no `timing`: turns were single
    calls."""
    timing = record.get("timing", {"turn_s": 0})
    if not timing["turn_s"]:
        return "turns of a single call"
    turn, uncounted = (f"{1e3 * timing[name]:g} ms" for name in ("turn_s", "uncounted_s"))
    return f"turns of at least {turn}, the first {uncounted} not counted"


def said(record: Mapping[str, Any]) -> str:
    """Return how a record's contenders were timed, in words: the number of turns, and their kind."""
    return f"{record['rounds']} {kind(record)}"
