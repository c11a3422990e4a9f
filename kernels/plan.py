"""Which order of evaluation, and which rung: a cost model of a columnar layer's step, with its reason in words.

The layer learns, so a step is y from v, and dv and dw from dy. There are three ways:

    dictionary   pooled_j = v U_j, then pooled_j w_j: 2 n (2 d k + 3 k m_j) flops a column
    weights      W = [U_1 w_1, ...], then v W: 2 (2 d k m_j + 3 n d m_j) flops a column
    separable    v K in two passes for all columns, a gather, then the product with R_j w_j (K = K_y (x) K_x (x) I)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.dictionaries.separable import Separable, cut_taps

__all__ = ["DEFAULT", "MOST_AMPLIFICATION", "Plan", "Rates", "Way", "plan_layer", "plan_pool"]

Way = Literal["dictionary", "weights", "separable"]
# The separable way may round more, by this factor at most: 8 bits, which leaves float32 the 16 that TF32 (11) lacks.
MOST_AMPLIFICATION = 2.0**8


class Rates(NamedTuple):
    """Seconds on one thread, in float32; a number of float64 is twice as long. The defaults are those of a server
    processor with AVX-512, and favour the dense ways where they are in doubt."""

    flop: float = 1e-11  # of a large product
    small_flop: float = 1.5e-11  # of products with the few units of a column
    tap: float = 9e-11  # a pair of taps of a padded pixel
    gather: float = 5e-10  # a number gathered or scattered
    call: float = 1.5e-4  # what a step costs beside all these: tiles, checks, calls


DEFAULT = Rates()


@dataclass(frozen=True)
class Plan:
    """A choice, the costs that it comes from, and the reason.

    way      the cheapest of those that are possible
    seconds  on one thread, by way; inf where it is not possible
    reason   half a sentence
    """

    way: Way
    seconds: Mapping[Way, float]
    reason: str

    def __str__(self) -> str:
        """E.g. "dictionary 3.90 ms, weights 4.98 ms, separable 1.80 ms: separable, 2.2 times cheaper than the next"."""
        costs = ", ".join(f"{way} {1e3 * seconds:.2f} ms" for way, seconds in self.seconds.items() if seconds < np.inf)
        return f"{costs}: {self.way}, {self.reason}"


def plan_layer(
    n: int,
    d: int,
    shapes: Sequence[tuple[int, int]],
    dtype: DTypeLike,
    factors: Separable | None = None,
    rates: Rates = DEFAULT,
) -> Plan:
    """Choose the way of a columnar layer's step.

    n        examples in a batch
    d        inputs
    shapes   (k_j, m_j) of every w_j
    dtype    float32 or float64: others have no separable way
    factors  of the dictionary, where it has them
    returns  Plan; of equal ways the first
    """
    width = np.dtype(dtype).itemsize / 4
    columns, units = sum(k for k, _ in shapes), sum(m for _, m in shapes)
    products = sum(k * m for k, m in shapes)
    seconds: dict[Way, float] = {
        "dictionary": 2 * n * (2 * d * columns + 3 * products) * rates.flop * width,
        "weights": 2 * (2 * d * products + 3 * n * d * units) * rates.flop * width,
        "separable": np.inf,
    }
    if factors is not None:
        folds = 0 if factors.R is None else 4 * sum(k * k * m for k, m in shapes)
        flops = 6 * n * products + folds
        seconds["separable"] = 2 * _numbers(n, columns, dtype, factors, rates) + flops * rates.small_flop * width
        seconds["separable"] += rates.call
    return _choice(seconds, dtype, factors)


def plan_pool(
    n: int,
    d: int,
    widths: Sequence[int],
    dtype: DTypeLike,
    factors: Separable | None = None,
    rates: Rates = DEFAULT,
) -> Plan:
    """Choose how to pool once and for all, as for a first layer: [v U_1, ..., v U_J] with U_j (d, k_j), k_j in widths.

    Here R_j meets every example, and not w_j, so that ridge form saves at most d / k.
    """
    width = np.dtype(dtype).itemsize / 4
    seconds: dict[Way, float] = {"dictionary": 2 * n * d * sum(widths) * rates.flop * width, "separable": np.inf}
    if factors is not None:
        flops = 0 if factors.R is None else 2 * n * sum(k * k for k in widths)
        seconds["separable"] = _numbers(n, sum(widths), dtype, factors, rates) + flops * rates.small_flop * width
        seconds["separable"] += rates.call
    return _choice(seconds, dtype, factors)


def _numbers(n: int, columns: int, dtype: DTypeLike, factors: Separable, rates: Rates) -> float:
    """Seconds of two passes over n examples, and of gathering or scattering their columns."""
    height, row, channels = factors.sizes
    pairs = [cut_taps(axis, dtype).size - 1 for axis in factors.taps]
    padded = height * (row + pairs[1]) * channels
    return n * (padded * sum(pairs) * rates.tap + columns * rates.gather) * np.dtype(dtype).itemsize / 4


def _choice(seconds: dict[Way, float], dtype: DTypeLike, factors: Separable | None) -> Plan:
    """The cheapest way, or the cheapest dense one where the separable way is not possible or too coarse."""
    dense = min((way for way in seconds if way != "separable"), key=lambda way: seconds[way])  # the first of equals
    if factors is None:
        return Plan(dense, seconds, "for want of a K that is a product of axes")
    if np.dtype(dtype) not in (np.float32, np.float64):
        return Plan(dense, seconds | {"separable": np.inf}, f"for want of kernels in {np.dtype(dtype)}")
    if seconds["separable"] >= seconds[dense]:
        return Plan(dense, seconds, "since two short passes save nothing")
    if factors.amplification > MOST_AMPLIFICATION:
        bits = np.log2(factors.amplification)
        return Plan(dense, seconds, f"since the separable way may lose {bits:.0f} bits")
    gain = seconds[dense] / seconds["separable"]
    return Plan("separable", seconds, f"{gain:.1f} times cheaper than the next")
