"""Cosines of fractions of a turn, and how far those that anybody computes may be off."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["cos_pi", "error"]

Exact = np.longdouble
PI = 4 * np.arctan(Exact(1))


def cos_pi(p: NDArray[np.int64], q: int) -> NDArray[Any]:
    """cos(pi p / q) in longdouble."""
    cosines: NDArray[Any] = np.cos(PI * ((p % (2 * q)) / Exact(q)))
    return cosines


def error(p: NDArray[np.int64], q: int, unit: float, sums: float) -> NDArray[Any]:
    """|computed - exact| of a cosine that a transform of rows multiplies by: stored with unit, computed with u = sums.

    An angle in four roundings is off by 4 u pi p / q. A fast transform of m = q / 2 numbers multiplies by no such
    matrix: it is off by at most 8 u log2(q) |x| in all (Higham, *Accuracy and Stability*, sec. 24.1), |x| the row's
    length. Cosines that are each off by e move sums by sqrt(2 / m) e sum |x_j|, which is more for e = 8 u log2(q)
    sqrt(m / 2).
    """
    off: NDArray[Any] = unit + sums * (4 * PI * p / q + 8 * np.log2(Exact(q)) * np.sqrt(Exact(q) / 4))
    return off
