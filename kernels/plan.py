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

__all__ = ["DEFAULT", "DEVICE", "MOST_AMPLIFICATION", "Plan", "Rates", "Way", "plan_layer", "plan_pool"]

Way = Literal["dictionary", "weights", "separable"]
# The separable way may round more, by this factor at most: 8 bits, which leaves float32 the 16 that TF32 (11) lacks.
MOST_AMPLIFICATION = 2.0**8


class Rates(NamedTuple):
    """Seconds on one thread, in float32; a number of float64 takes twice as long. The defaults are those of a server
    processor with AVX-512."""

    flop: float = 1e-11  # of a product whose result is wide
    narrow: float = 16.0  # the width of a result at which half of the rate is reached
    pack: float = 6e-10  # a number of U or W that BLAS brings into its own order
    tap: float = 8e-11  # a pair of taps of a padded pixel
    image: float = 4e-7  # an image padded, in its rows
    gather: float = 8e-10  # a number gathered or scattered
    product: float = 3.5e-6  # a call of a product
    call: float = 1e-4  # what the kernels check, and how they cut tiles


DEFAULT = Rates()
# Of a CUDA device, reckoned from an A100's data sheet (19.5 Tflop/s, 1.6 TB/s) and 6 us a launch: nobody measured them.
DEVICE = Rates(flop=6e-14, narrow=64.0, pack=2.5e-12, tap=4e-13, image=2e-9, gather=2.5e-12, product=6e-6, call=6e-5)


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
    J, columns, units = len(shapes), sum(k for k, _ in shapes), sum(m for _, m in shapes)
    products = sum(k * m for k, m in shapes)
    narrowest = min(min(shape) for shape in shapes)
    time = _Arithmetic(dtype, rates)
    through_columns = time.product(2 * n * (2 * d * columns + 3 * products), narrowest)
    formed = time.product(4 * d * products, narrowest) + time.product(6 * n * d * units, units)
    seconds: dict[Way, float] = {
        "dictionary": through_columns + time.pack(2 * d * columns) + 5 * J * rates.product,
        "weights": formed + time.pack(2 * d * (columns + units)) + (2 * J + 3) * rates.product,
        "separable": np.inf,
    }
    if factors is not None:
        folds = 0 if factors.R is None else 4 * sum(k * k * m for k, m in shapes)
        folded = time.product(6 * n * products + folds, narrowest) + 5 * J * rates.product
        seconds["separable"] = folded + 2 * time.passes(n, columns, factors) + rates.call
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
    J, columns, time = len(widths), sum(widths), _Arithmetic(dtype, rates)
    dense = time.product(2 * n * d * columns, min(widths)) + time.pack(d * columns) + J * rates.product
    seconds: dict[Way, float] = {"dictionary": dense, "separable": np.inf}
    if factors is not None:
        solved = 0 if factors.R is None else time.product(2 * n * sum(k * k for k in widths), min(widths))
        seconds["separable"] = solved + time.passes(n, columns, factors) + J * rates.product + rates.call
    return _choice(seconds, dtype, factors)


class _Arithmetic:
    """Seconds of what the ways are made of."""

    def __init__(self, dtype: DTypeLike, rates: Rates) -> None:
        self.dtype, self.rates, self.width = np.dtype(dtype), rates, np.dtype(dtype).itemsize / 4

    def product(self, flops: int, width: int) -> float:
        """Of products with results of this width, at least 1 for an empty one."""
        return flops * self.rates.flop * (1 + self.rates.narrow / max(width, 1)) * self.width

    def pack(self, numbers: int) -> float:
        return numbers * self.rates.pack * self.width

    def passes(self, n: int, columns: int, factors: Separable) -> float:
        """Of two passes over n examples, and of gathering or scattering their columns."""
        height, row, channels = factors.sizes
        pairs = [cut_taps(axis, self.dtype).size - 1 for axis in factors.taps]
        padded = height * (row + pairs[1]) * channels
        numbers = padded * sum(pairs) * self.rates.tap + columns * self.rates.gather
        return n * (numbers * self.width + self.rates.image)


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
