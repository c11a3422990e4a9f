"""Whether the turns of a row agree, so that its time can be compared.

The median of a row lies between two of its turns, the k-th smallest and the k-th largest, with the chance
1 - 2 P(at most k - 1 of n coins fall on heads), whatever the distribution of the turns (Conover, Practical
Nonparametric Statistics, sec. 3.2). A row is unstable if these bounds of 95 % are more than a tenth apart, the change
that `compare` tells apart; of nine turns these are the second smallest and the second largest. With fewer than six
turns no two of them bound the median so surely; the smallest and the largest are taken.
"""

from collections.abc import Sequence
from math import isfinite
from statistics import median
from typing import Any

from scipy.stats import binom

__all__ = ["LEVEL", "MARGIN", "best_median", "median_bounds", "unstable"]

LEVEL, MARGIN = 0.95, 1.1


def median_bounds(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the bounds of the median of the turns' distribution; the least and the most of fewer than six turns."""
    ordered, n = sorted(seconds), len(seconds)
    k = max(1, int(binom.ppf((1 - LEVEL) / 2, n, 0.5)))
    return ordered[k - 1], ordered[n - k]


def unstable(row: dict[str, Any]) -> bool:
    """Return whether a row's median is not known within a tenth; True for a single turn, which nothing confirms, and
    for NaN."""
    seconds = row["seconds"]
    low, high = median_bounds(seconds)
    return len(seconds) < 2 or not isfinite(sum(seconds)) or not high <= MARGIN * low


def best_median(rows: Sequence[dict[str, Any]]) -> float | None:
    """Return the smallest median of the rows; None if there is no row, or if an unstable one may be the best."""
    best = min((median(row["seconds"]) for row in rows), default=None)
    doubted = (median_bounds(row["seconds"])[0] for row in rows if unstable(row))
    return None if best is None or any(not low > best for low in doubted) else best
