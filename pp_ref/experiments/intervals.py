"""Confidence intervals, and the rules by which a sentence of the paper is judged. They were written before the runs.

The paper compares errors in words. "Without any drop", "no substantial drop" and "negligible" are borne out if the 95 %
interval of the mean difference of errors lies below a margin; "a gain" is borne out if it lies below 0. A sentence is
not borne out if the interval lies at or above that limit, and undecided if the limit is inside.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from math import inf, nan
from typing import NamedTuple, TypeVar

import numpy as np
from scipy.special import stdtrit

from pp_ref.arrays import check_finite
from pp_ref.errors import DomainError

__all__ = ["GAIN", "LEVEL", "NO_DROP", "Outcome", "judge", "student_interval", "together"]

Key = TypeVar("Key", int, str)
LEVEL = 0.95
GAIN = 0.0  # the margin of "a gain"
NO_DROP = {"mnist": 0.002, "cifar10": 0.01, "stl10": 0.01}  # that of "no drop", by data set, as a fraction of images


class Outcome(StrEnum):
    """What the runs say of a sentence.

    Examples
    --------
    >>> from pp_ref.experiments import Outcome
    >>> [str(each) for each in Outcome]
    ['borne out', 'not borne out', 'undecided']
    """

    borne_out = "borne out"
    not_borne_out = "not borne out"
    undecided = "undecided"


class Judgement(NamedTuple):
    """The outcome, and what it comes from: the mean difference of errors, its interval and the number of pairs.

    Examples
    --------
    >>> from pp_ref.experiments import Judgement, Outcome
    >>> print(Judgement(Outcome.borne_out, mean=0.001, low=0.0004, high=0.0016, pairs=10))
    +0.10 points (95 % interval +0.04 to +0.16, 10 pairs)
    """

    outcome: Outcome
    mean: float  # nan without a pair
    low: float  # -inf with fewer than two pairs, which have no interval
    high: float
    pairs: int

    def __str__(self) -> str:
        """The mean difference, its interval, and the number of pairs."""
        if self.pairs < 2:
            return "no pair" if self.pairs == 0 else f"{100 * self.mean:+.2f} points (one pair: no interval)"
        interval = f"{LEVEL:.0%} interval {100 * self.low:+.2f} to {100 * self.high:+.2f}".replace("%", " %")
        return f"{100 * self.mean:+.2f} points ({interval}, {self.pairs} pairs)"


def judge(ours: Mapping[Key, float], theirs: Mapping[Key, float], margin: float) -> Judgement:
    """Judge whether our errors are at most theirs, up to a margin: ``mean(ours - theirs) < margin`` at 95 %.

    ours    test errors in [0, 1] by seed, or by speaker; a pair is a seed that both have
    theirs  errors of what ours are compared with; of accuracies take 1 - accuracy
    margin  in [0, 1): an entry of `NO_DROP`, or `GAIN`
    raises  DomainError for an error that is not finite, or another margin

    The interval is Student's over the pairs' differences. It does not correct for several sentences.

    Examples
    --------
    >>> from pp_ref.experiments import judge
    >>> judgement = judge({0: 0.021, 1: 0.020, 2: 0.022}, {0: 0.020, 1: 0.019, 2: 0.021}, margin=0.002)
    >>> print(judgement.outcome)
    borne out
    """
    if not 0 <= margin < 1:
        raise DomainError(f"margin is {margin}, expected a number in [0, 1): 0.002 is 0.2 points")
    differences = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    if len(differences) < 2:
        mean = differences[0] if differences else nan
        return Judgement(Outcome.undecided, mean, -inf, inf, len(differences))
    mean, half = student_interval(differences, LEVEL)
    low, high = mean - half, mean + half
    outcome = Outcome.borne_out if high < margin else Outcome.not_borne_out if low >= margin else Outcome.undecided
    return Judgement(outcome, mean, low, high, len(differences))


def together(judgements: Iterable[Judgement]) -> Outcome:
    """The outcome of a sentence with several parts: all are borne out, or one is not, or it is undecided."""
    outcomes = {judgement.outcome for judgement in judgements}
    if Outcome.not_borne_out in outcomes:
        return Outcome.not_borne_out
    return Outcome.borne_out if outcomes == {Outcome.borne_out} else Outcome.undecided


def student_interval(values: Sequence[float], level: float = 0.9) -> tuple[float, float]:
    """Mean and half width of Student's interval: mean +- t s / sqrt(n), t = t_{n-1}((1 + level) / 2), s of ddof 1.

    values   n >= 2 finite numbers, such as the test accuracies of STL-10's ten folds: t is then 1.833 at level 0.9
    level    in (0, 1)
    returns  (mean, half width), in the unit of the values
    raises   DomainError for fewer values, one that is not finite, or another level

    The paper gives 90 % intervals "from the recommended testing protocol" without a formula (Figure 6): this one is our
    choice. It assumes independent draws, which STL-10's folds are not: they overlap and share their test images.

    Examples
    --------
    >>> from pp_ref.experiments import student_interval
    >>> mean, half = student_interval([0.50, 0.52, 0.54], level=0.9)
    >>> round(mean, 2), round(half, 3)
    (0.52, 0.034)
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2:
        raise DomainError(f"values have shape {x.shape}, expected at least two numbers: one has no spread")
    check_finite(values=x)
    if not 0 < level < 1:
        raise DomainError(f"level is {level}, expected a number in (0, 1)")
    t = stdtrit(len(x) - 1, (1 + level) / 2)  # the quantile function of scipy.stats.t
    return float(x.mean()), float(t * x.std(ddof=1) / np.sqrt(len(x)))
