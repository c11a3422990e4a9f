"""Confidence interval of a mean."""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from pp_ref.arrays import check_finite
from pp_ref.errors import DomainError


def student_interval(values: Sequence[float], level: float = 0.9) -> tuple[float, float]:
    """Mean and half width of Student's interval: mean +- t s / sqrt(n), t = t_{n-1}((1 + level) / 2), s of ddof 1.

    values   n >= 2 finite numbers, such as the test accuracies of STL-10's ten folds: t is then 1.833 at level 0.9
    level    in (0, 1)
    returns  (mean, half width), in the unit of the values
    raises   DomainError for fewer values, one that is not finite, or another level

    The paper gives 90 % intervals "from the recommended testing protocol" without a formula (Figure 6): this one is our
    choice. It assumes independent draws, which STL-10's folds are not: they overlap and share their test images.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2:
        raise DomainError(f"values have shape {x.shape}, expected at least two numbers: one has no spread")
    check_finite(values=x)
    if not 0 < level < 1:
        raise DomainError(f"level is {level}, expected a number in (0, 1)")
    t = stdtrit(len(x) - 1, (1 + level) / 2)  # the quantile function of scipy.stats.t
    return float(x.mean()), float(t * x.std(ddof=1) / np.sqrt(len(x)))
