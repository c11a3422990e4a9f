"""Whether the rounds of a row agree: the bounds of their median by hand, and by simulation."""

import numpy as np
import pytest

from pp_ref.bench.noise import LEVEL, median_bounds, unstable

TRIALS = 500


def row(*seconds):
    return {"seconds": list(seconds)}


@pytest.mark.parametrize(("rounds", "k"), [(1, 1), (5, 1), (6, 1), (8, 1), (9, 2), (12, 3), (15, 4), (20, 6)])
def test_the_bounds_are_the_kth_rounds(rounds, k):
    """Conover's table A3 for a half and 95 %."""
    assert median_bounds(list(range(rounds, 0, -1))) == (k, rounds + 1 - k)


@pytest.mark.parametrize("rounds", [6, 9, 20])
def test_the_bounds_hold_the_median_as_often_as_they_say(rounds):
    """Of skewed seconds with the median 1; three standard deviations below happen once in a thousand times."""
    drawn = np.random.default_rng(0).lognormal(0.0, 0.5, (TRIALS, rounds))
    held = np.mean([low <= 1 <= high for low, high in map(median_bounds, drawn)])
    assert held > LEVEL - 3 * np.sqrt(LEVEL * (1 - LEVEL) / TRIALS)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ((1.0, 1.05, 1.1), False),
        ((1.0, 1.05, 1.11), True),
        ((1.0,) * 8 + (50.0,), False),  # one disturbed round of nine
        ((1.0,) * 7 + (50.0,) * 2, True),
        ((1.0,), True),  # nothing confirms it
        ((1.0, float("nan"), 1.0), True),
    ],
)
def test_a_row_is_unstable_if_its_median_is_not_known_within_a_tenth(seconds, expected):
    assert unstable(row(*seconds)) is expected
