"""Turns, rows and limits of the speed records."""

from pp_ref.bench.timing import copy_rate, interleaved, peak_rate, row


def test_contenders_take_turns_and_the_first_round_is_not_counted():
    turns = []
    seconds = interleaved({name: lambda name=name: turns.append(name) for name in "ab"}, 3)
    assert turns == ["a", "b"] * 4
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3}


def test_a_row():
    assert row("a", [3.0, 1.0, 2.5], share=0.5) == {
        "name": "a",
        "min_s": 1.0,
        "median_s": 2.5,
        "max_s": 3.0,
        "share": 0.5,
    }


def test_the_limits_are_rates():
    assert 0.1 < peak_rate() < 1e5
    assert 0.1 < copy_rate() < 1e5
