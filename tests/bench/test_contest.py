"""Turns, rows and the machine's limits."""

import os

import numpy as np
import pytest

from pp_ref.bench.contest import block, blocks, contender, copy_rate, interleaved, peak_rate, row, threads, told
from pp_ref.errors import InaccurateError
from pp_ref.kernels.bounds import largest_share


def test_contenders_take_turns_and_the_first_round_is_not_counted():
    turns = []
    seconds = interleaved({name: lambda name=name: turns.append(name) for name in "ab"}, 3)
    assert turns == ["a", "b"] * 4
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}


def test_a_row():
    times = {"min_s": 1.0, "median_s": 2.5, "max_s": 3.0}
    seconds = [3.0, 1.0, 2.5]
    assert row("a", seconds, share=0.5) == {"name": "a", **times, "share": 0.5, "seconds": seconds}


def test_a_row_is_of_one_step_and_says_what_was_counted():
    runs = {"dense": contender(lambda: sum(range(1000))), "fused": contender(lambda: 7, 0.5, 10, 20, steps=2)}
    (made,) = blocks({"n": 3}, runs, ["dense"], 3, [1])
    dense, fused = made["rows"]
    assert (made["n"], made["threads"], len(fused["seconds"])) == (3, 1, 3)
    assert fused["times_best_peer"] == dense["median_s"] / fused["median_s"]
    assert (fused["share_of_bound"], fused["flops"], fused["least_bytes"]) == (0.5, 10, 20)
    assert not {"share_of_bound", "flops", "least_bytes"} & dense.keys()


@pytest.mark.parametrize("share", [1.5, float("nan")])
def test_nothing_wrong_is_timed(share):
    calls = []
    wrong = contender(lambda: calls.append(0), lambda result: share)
    with pytest.raises(InaccurateError, match="^{'n': 3, 'threads': 1}: off by more .*'wrong': .*; nothing was timed$"):
        blocks({"n": 3}, {"wrong": wrong}, [], 9)
    assert len(calls) == 1


def test_the_limits_are_rates():
    assert 0.1 < peak_rate() < 1e5
    assert 0.1 < copy_rate() < 1e5


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
    monkeypatch.setattr("pp_ref.bench.contest.QUIET", 1e9)
    with told(said.append):
        block({"n": 1, "threads": 2}, run, [], 3)
    assert said == ["n 1, threads 2: warming up"]
    monkeypatch.setattr("pp_ref.bench.contest.QUIET", 0.0)
    with told(said.append):
        block({}, run, [], 2)
    assert said[1:] == ["step: warming up", "step: round 1 of 2", "step: round 2 of 2"]
    block({}, run, [], 2)  # nobody is told
    assert len(said) == 4
