"""Turns: their order, their length, and what is not counted."""

from itertools import pairwise

import pytest

from pp_ref.bench.timing import Timing, interleaved, said


class Clock:
    """Writes down whose calls it makes; a call of a run takes as many seconds as the run returns."""

    def __init__(self):
        self.calls = []

    def __call__(self, run):
        seconds, name = run()
        self.calls.append(name)
        return seconds


def timed(timing, **seconds):
    """Return the turns, and whose calls were made in this order."""
    clock = Clock()
    runs = {name: lambda name=name, each=each: (each(), name) for name, each in seconds.items()}
    return interleaved(runs, timing._replace(clock=clock)), clock.calls


def always(seconds):
    return lambda: seconds


def test_a_turn_is_a_block_of_calls_and_turns_are_interleaved():
    turns, calls = timed(Timing(9), a=always(0.01), b=always(0.02))
    assert calls[:4] == ["a", "a", "b", "b"]  # warm up
    changes = [before for before, after in pairwise([*calls[4:], None]) if before != after]
    assert changes == ["a", "b"] * 9
    assert (calls[4:].count("a"), calls[4:].count("b")) == (9 * 20, 9 * 10)
    assert {(turn.calls, round(turn.seconds, 9)) for turn in turns["a"]} == {(15, 0.15)}  # 50 ms of 200 are not counted
    assert {(turn.calls, round(turn.seconds, 9)) for turn in turns["b"]} == {(7, 0.14)}


def test_the_beginning_of_a_turn_is_not_counted():
    """A contender that runs at half speed for the first 40 ms of its turn is measured as if it did not."""
    spent = {"a": 0.0, "b": 0.0}

    def slow_at_first(name):
        def seconds():
            other = "b" if name == "a" else "a"
            spent[other] = 0.0  # its turn begins anew
            took = 0.02 if spent[name] < 0.04 else 0.01
            spent[name] += took
            return took

        return seconds

    turns, _ = timed(Timing(3), a=slow_at_first("a"), b=slow_at_first("b"))
    assert all(turn.seconds / turn.calls == pytest.approx(0.01) for each in turns.values() for turn in each)
    turns, _ = timed(Timing(3, uncounted_s=0.0), a=slow_at_first("a"), b=slow_at_first("b"))
    assert all(turn.seconds / turn.calls > 0.011 for each in turns.values() for turn in each)


@pytest.mark.parametrize("first", [0.5, 9.0])  # a first call compiles
def test_a_long_contender_has_one_call_a_turn(first):
    seconds = iter([first, *[0.5] * 4])
    turns, calls = timed(Timing(3), epoch=lambda: next(seconds), short=always(0.1))
    assert turns["epoch"] == [(1, 0.5)] * 3
    assert (calls.count("epoch"), calls.count("short")) == (2 + 3, 2 + 3 * 2)
    assert turns["short"] == [(1, 0.1)] * 3


def test_what_compiles_at_its_first_call_is_not_long():
    seconds = iter([9.0, *[0.01] * 100])
    turns, _ = timed(Timing(3), compiled=lambda: next(seconds))
    assert [turn.calls for turn in turns["compiled"]] == [15] * 3


def test_single_calls():
    turns, calls = timed(Timing(3).of_single_calls(), a=always(0.01), b=always(0.02))
    assert calls == ["a", "a", "b", "b"] + ["a", "b"] * 3
    assert turns == {"a": [(1, 0.01)] * 3, "b": [(1, 0.02)] * 3}


def test_the_clock_of_the_wall():
    turns = interleaved({"a": lambda: None}, Timing(2, 1e-4, 1e-5))
    assert all(turn.calls > 1 and 0 < turn.seconds < 1 for turn in turns["a"])


def test_a_record_says_how_it_was_timed():
    assert said({"rounds": 9}) == "9 turns of a single call"  # as records of before
    found = said({"rounds": 9, "timing": Timing(9).described()})
    assert found == "9 turns of at least 200 ms, the first 50 ms not counted"
