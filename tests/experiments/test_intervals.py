"""Student's interval: by hand, against SciPy, and what it refuses."""

import math

import numpy as np
import pytest
from scipy import stats

from pp_ref.errors import DomainError
from pp_ref.experiments.intervals import student_interval
from tests.refused import refuses


def test_ten_folds_interval():
    accuracies = np.random.default_rng(0).uniform(0.5, 0.6, 10)
    mean, half = student_interval(accuracies)
    s = math.sqrt(sum((a - accuracies.mean()) ** 2 for a in accuracies) / 9)
    assert abs(mean - accuracies.mean()) <= 1e-15
    assert abs(half - 1.833 * s / math.sqrt(10)) <= 0.5e-3 * s / math.sqrt(10)  # t is known to four digits


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_interval_of_scipy(n, level):
    x = np.random.default_rng(n).standard_normal(n)
    low, high = stats.t.interval(level, n - 1, x.mean(), stats.sem(x))
    mean, half = student_interval(x, level)
    np.testing.assert_allclose([mean - half, mean + half], [low, high], rtol=0, atol=1e-12 * half)


def test_equal_folds_have_no_spread():
    assert student_interval([0.5] * 10) == (0.5, 0.0)


REFUSED = [
    ([0.5], r"^values have shape \(1,\), expected at least two numbers: one has no spread$"),
    ([[0.5, 0.6]], r"^values have shape \(1, 2\), expected at least two numbers"),
    ([0.5, math.nan], "^values has 1 entries that are NaN or infinite"),
    ([0.5, 0.6], 1, r"^level is 1, expected a number in \(0, 1\)$"),
    ([0.5, 0.6], 0, "^level is 0, expected"),
]
test_interval_messages = refuses(student_interval, {DomainError: REFUSED})
