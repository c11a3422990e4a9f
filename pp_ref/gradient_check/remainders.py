"""What is left of f(x + h d) once its known part is taken away: its noise, its intercept, its order in h.

`docs/gradient_check.md` has the error model.
"""

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIGMAS", "intercept", "misfits", "noise_of", "order_of"]

Vector = NDArray[Any]

SIGMAS = 6  # an uncertainty is this many standard deviations
MISFIT = 6  # a residual of this many ends the steps at which the remainder is a polynomial
WINDOW = 8  # steps of a fit, each twice the one before
VISIBLE = 8  # standard deviations of noise, above which a remainder has a logarithm worth fitting


def noise_of(values: list[Any]) -> float:
    """Their standard deviation without any smooth trend, from the differences of orders 3 to 6 (Moré and Wild 2011).

    Differences of order k of noise have the variance binomial(2 k, k) sigma^2, those of a smooth function vanish. The
    largest of the four estimates: too much noise costs power, too little a false alarm.
    """
    table = np.array(values, np.longdouble)
    estimates = [np.mean(np.diff(table, k) ** 2) / math.comb(2 * k, k) for k in range(3, 7)]
    return float(np.sqrt(max(estimates)))


@cache
def _design(powers: tuple[int, ...]) -> tuple[Vector, Vector]:
    """Of WINDOW steps that double up to 1, each row times its step, and its pseudoinverse."""
    steps = 2.0 ** np.arange(1 - WINDOW, 1)
    design = steps[:, None] ** (1 + np.array(powers))
    return design, np.linalg.pinv(design, rcond=1e-15)


def _fit(h: list[float], y: list[float], noise: float, powers: tuple[int, ...]) -> tuple[float, float, float]:
    """y = sum_p c_p h^p on the last WINDOW steps, y's deviation noise / h: c_0, its deviation, the worst residual."""
    design, inverse = _design(powers)
    unit = max(noise, float(np.finfo(float).tiny)) / h[-1]  # y's deviation at the last step
    target = np.array(h[-WINDOW:]) / h[-1] * (np.array(y[-WINDOW:]) / unit)
    coefficients = inverse @ target
    residuals = target - design @ coefficients
    spread = max(1.0, math.sqrt(residuals @ residuals / (WINDOW - len(powers))))
    sd = unit * float(np.linalg.norm(inverse[0])) * spread
    return unit * float(coefficients[0]), sd, float(np.max(np.abs(residuals)))


def misfits(h: list[float], y: list[float], noise: float, powers: tuple[int, ...]) -> bool:
    return len(h) >= WINDOW and not _fit(h, y, noise, powers)[2] <= MISFIT


def intercept(h: list[float], y: list[float], noise: float, powers: tuple[int, ...]) -> tuple[float, float, int] | None:
    """c_0 with its uncertainty from the largest steps that fit but one, and the last of these; None if none fit.

    The polynomial's own error falls by half or more from a step to the next, so it is no more than c_0 still changes.
    """
    top = WINDOW
    while top < len(h) and not misfits(h[: top + 1], y[: top + 1], noise, powers):
        top += 1
    top -= 2
    if top < WINDOW:
        return None
    (value, sd, _), (shorter, _, _) = (_fit(h[: end + 1], y[: end + 1], noise, powers) for end in (top, top - 1))
    return value, SIGMAS * sd + abs(value - shorter), top


def order_of(h: Vector, y: Vector, noise: float) -> tuple[float, float]:
    """The slope of log |2 h y| in log h, and its deviation, at the five smallest steps that stand out of the noise."""
    remainder = np.abs(2 * h * y)
    hidden = np.flatnonzero(remainder <= VISIBLE * math.sqrt(2) * noise)
    first = hidden[-1] + 1 if hidden.size else 0
    h, remainder = h[first : first + 5], remainder[first : first + 5]
    if h.size < 3:
        return math.nan, math.nan
    log_h, log_left, weights = np.log(h), np.log(remainder), remainder / (math.sqrt(2) * noise)
    (order, constant), covariance = np.polyfit(log_h, log_left, 1, w=weights, cov="unscaled")
    residuals = weights * (log_left - order * log_h - constant)
    return float(order), math.sqrt(covariance[0, 0] * max(1.0, residuals @ residuals / (h.size - 2)))
