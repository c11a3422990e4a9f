"""Rows, their ratios, and the machine's limits."""

import os

import numpy as np
import pytest

from pp_ref.bench.contest import block, blocks, choice, contender, rates, row, threads
from pp_ref.bench.timing import Timing, told
from pp_ref.errors import InaccurateError
from pp_ref.kernels.bounds import largest_share


def test_a_row():
    times = {"min_s": 1.0, "median_s": 2.5, "max_s": 3.0}
    seconds = [3.0, 1.0, 2.5]
    assert row("a", seconds, share=0.5) == {"name": "a", **times, "share": 0.5, "seconds": seconds}


def test_a_row_is_of_one_step_and_says_what_was_counted(agreed):
    runs = {"dense": contender(lambda: 5), "fused": contender(lambda: 7, 0.5, 10, 20, steps=2)}
    (found,) = blocks({"n": 3}, runs, ["dense"], agreed, [1])
    dense, fused = found["rows"]
    assert (found["n"], found["threads"], found["peers"], fused["calls"]) == (3, 1, ["dense"], [1, 1])
    assert (dense["seconds"], fused["seconds"]) == ([1.0, 1.0], [1.0, 1.0])  # its clock says 2 for two steps
    assert (fused["times_best_peer"], fused["unstable"]) == (1, False)
    assert (fused["share_of_bound"], fused["flops"], fused["least_bytes"]) == (0.5, 10, 20)
    assert not {"share_of_bound", "flops", "least_bytes"} & dense.keys()


def clocked(**seconds):
    """Return the block of contenders that take these seconds in their rounds, the first two of which do not count."""
    times = {name: iter([1.0, 1.0, *each]) for name, each in seconds.items()}
    contenders = {name: contender(lambda: None)._replace(run=each.__next__) for name, each in times.items()}
    peers = [name for name in seconds if name != "ours"]
    return block({}, contenders, peers, Timing(9, 0, 0, clock=lambda run: run()))


STEADY = [1.0, 1.02, 1.0, 1.04, 1.0, 1.01, 1.0, 1.03, 1.0]
LOOSE = [1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 1.0]


@pytest.mark.parametrize(
    ("seconds", "unstable", "ratios"),
    [
        ({"ours": STEADY, "peer": STEADY}, set(), {"ours", "peer"}),
        ({"ours": LOOSE, "peer": STEADY}, {"ours"}, {"peer"}),
        ({"ours": STEADY, "peer": LOOSE}, {"peer"}, set()),
        ({"ours": STEADY, "peer": STEADY, "maybe": LOOSE}, {"maybe"}, set()),  # it may be the best
        ({"ours": STEADY, "peer": STEADY, "far": [9 * s for s in LOOSE]}, {"far"}, {"ours", "peer"}),
        ({"ours": [*STEADY[:8], 50.0], "peer": STEADY}, set(), {"ours", "peer"}),  # one disturbed turn of nine
    ],
)
def test_a_contender_whose_turns_disagree_is_unstable_and_has_no_ratio(seconds, unstable, ratios):
    found = clocked(**seconds)
    assert {row["name"] for row in found["rows"] if row["unstable"]} == unstable
    assert {row["name"] for row in found["rows"] if "times_best_peer" in row} == ratios
    plan = type("Plan", (), {"way": type("Way", (), {"name": "ours"})})()
    behind = choice(plan, found["rows"])["behind"]
    assert (behind is None) == ("ours" not in ratios)


@pytest.mark.parametrize("share", [1.5, float("nan")])
def test_nothing_wrong_is_timed(share):
    calls = []
    wrong = contender(lambda: calls.append(0), lambda result: share)
    with pytest.raises(InaccurateError, match="^{'n': 3, 'threads': 1}: off by more .*'wrong': .*; nothing was timed$"):
        blocks({"n": 3}, {"wrong": wrong}, [], Timing(9))
    assert len(calls) == 1


def test_the_limits_are_rates():
    found = rates(Timing(1).of_single_calls())
    assert found.keys() == {"peak_gflops", "copy_gb_s"}
    assert all(0.1 < rate < 1e5 for rate in found.values())


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system holds no thread to a core")
def test_one_thread_is_one_core():
    before = os.sched_getaffinity(0)
    with threads(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_a_share_of_nan_is_above_no_limit_and_below_none():
    share = largest_share(np.array([np.nan, 0.0]), np.zeros(2), np.ones(2))
    assert not share <= 1
    assert largest_share(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3))) == 0


def test_what_is_timed_is_told_and_short_rounds_are_not_disturbed(monkeypatch):
    said: list[str] = []
    run = {"a": contender(lambda: None)}
    monkeypatch.setattr("pp_ref.bench.timing.QUIET", 1e9)
    with told(said.append):
        block({"n": 1, "threads": 2}, run, [], Timing(3).of_single_calls())
    assert said == ["n 1, threads 2: warming up", "n 1, threads 2: round 1 of 3"]
    monkeypatch.setattr("pp_ref.bench.timing.QUIET", 0.0)
    with told(said.append):
        block({}, run, [], Timing(2).of_single_calls())
    assert said[2:] == ["step: warming up", "step: round 1 of 2", "step: round 2 of 2"]
    block({}, run, [], Timing(2).of_single_calls())  # nobody is told
    assert len(said) == 5
