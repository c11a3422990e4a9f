"""Student's interval and the rules of judgement: by hand, against SciPy, and what they refuse."""

import math

import numpy as np
import pytest
from scipy import stats

from pp_ref.errors import DomainError
from pp_ref.experiments.intervals import GAIN, Outcome, judge, student_interval, together
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


def seeds(*errors):
    return dict(enumerate(errors))


FULL = seeds(0.018, 0.019, 0.020)
# The three differences of a row have the mean m and the standard deviation s = 0.0001; half the interval is
# t_2(0.975) s / sqrt(3) = 4.3027 * 0.0001 / 1.7321 = 0.000248.
HALF = 0.0002484


@pytest.mark.parametrize(
    ("mean", "margin", "outcome"),
    [
        (0.0017, 0.002, Outcome.borne_out),  # 0.00145 to 0.00195
        (0.0018, 0.002, Outcome.undecided),  # 0.00155 to 0.00205
        (0.0020, 0.002, Outcome.undecided),
        (0.0022, 0.002, Outcome.undecided),  # 0.00195 to 0.00245
        (0.0023, 0.002, Outcome.not_borne_out),  # 0.00205 to 0.00255
        (-0.0003, GAIN, Outcome.borne_out),
        (-0.0002, GAIN, Outcome.undecided),
        (0.0002, GAIN, Outcome.undecided),
        (0.0003, GAIN, Outcome.not_borne_out),
    ],
)
def test_a_judgement_by_hand(mean, margin, outcome):
    ours = {seed: FULL[seed] + mean + step for seed, step in enumerate((-1e-4, 0, 1e-4))}
    made = judge(ours, FULL, margin)
    assert (made.outcome, made.pairs) == (outcome, 3)
    np.testing.assert_allclose([made.mean, made.low, made.high], [mean, mean - HALF, mean + HALF], rtol=0, atol=1e-7)


def test_pairs_are_judged_and_not_two_groups():
    """Seeds differ by 5 points and each pair by 0.1: only the pairs tell."""
    ours, theirs = seeds(0.01, 0.06, 0.11), seeds(0.011, 0.061, 0.111)
    assert judge(ours, theirs, GAIN).outcome is Outcome.borne_out
    assert judge(ours, dict(zip((2, 0, 1), theirs.values(), strict=True)), GAIN).outcome is Outcome.undecided


def test_seeds_that_one_side_lacks_are_left_out():
    made = judge(seeds(0.02, 0.02, 0.9), {1: 0.03, 0: 0.03, 7: 0.0}, GAIN)
    assert made.pairs == 2
    assert made.outcome is Outcome.borne_out


@pytest.mark.parametrize(("ours", "said"), [({}, "no pair"), ({5: 0.1}, "no pair"), ({0: 0.02}, "+0.20 points (one ")])
def test_fewer_than_two_pairs_decide_nothing(ours, said):
    made = judge(ours, FULL, 0.5)
    assert made.outcome is Outcome.undecided
    assert str(made).startswith(said)


def test_a_judgement_in_words():
    ours = {seed: FULL[seed] + 0.001 + step for seed, step in enumerate((-1e-4, 0, 1e-4))}
    assert str(judge(ours, FULL, 0.002)) == "+0.10 points (95 % interval +0.08 to +0.12, 3 pairs)"


def test_a_sentence_of_several_parts():
    yes, no, open_ = (
        judge({seed: error + by for seed, error in FULL.items()}, FULL, 0.002)._replace(outcome=outcome)
        for by, outcome in ((0.0, Outcome.borne_out), (0.5, Outcome.not_borne_out), (0.002, Outcome.undecided))
    )
    assert together([yes, yes]) is Outcome.borne_out
    assert together([yes, open_]) is Outcome.undecided
    assert together([yes, open_, no]) is Outcome.not_borne_out
    assert together([]) is Outcome.undecided


def test_an_error_that_is_nan_is_refused():
    """A run that diverged cannot pass for one without a drop."""
    with pytest.raises(DomainError, match="^values has 1 entries that are NaN or infinite"):
        judge(seeds(0.018, math.nan, 0.02), FULL, 0.002)


MARGINS = [
    ({}, {}, 0.2 + 1, r"^margin is 1.2, expected a number in \[0, 1\): 0.002 is 0.2 points$"),
    ({}, {}, -0.1, "^margin is -0.1, expected a number in"),
    ({}, {}, math.nan, "^margin is nan, expected a number in"),
]
test_judgement_messages = refuses(judge, {DomainError: MARGINS})
