"""Which order of evaluation, and which rung: a cost model of a layer's step, with its reason in words.

The layer learns, so a step is y from v, and dv and dw from dy. There are three ways:

    dictionary   pooled_j = v U_j, then pooled_j w_j: 2 n (2 d k + 3 k m_j) flops a column
    weights      W = [U_1 w_1, ...], then v W: 2 (2 d k m_j + 3 n d m_j) flops a column
    separable    v K in two passes for all columns, a gather, then the product with R_j w_j (K = K_y (x) K_x (x) I)

and three for a convolution's:

    patches      W as above, then v * W as a product with patches: 6 n h' w' d m flops, and each entry of a patch copied
    theorem      W, then v * W by the convolution theorem: the layer's own count, three times
    separable    v * K[:, alpha] in passes, then at each pixel a product with R_j w_j: 6 n h' w' k_j m_j flops a column

A product costs its flops, the numbers of its operands, which BLAS packs, and a call: narrow results and small batches
are slow because they pack more numbers a flop.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.dictionaries.separable import Separable, cut_taps
from pp_ref.kernels.rates import DEFAULT, DEVICE, Origin, Rates, known_rates
from pp_ref.layers.conv2d import patches
from pp_ref.layers.fourier_conv2d import fourier_conv2d_flops

__all__ = [
    "DEFAULT",
    "DEVICE",
    "MOST_AMPLIFICATION",
    "Plan",
    "Rates",
    "Way",
    "Work",
    "conv_work",
    "layer_work",
    "plan_conv",
    "plan_layer",
    "plan_pool",
]

Way = Literal["dictionary", "weights", "separable", "patches", "theorem"]
Work = Counter[str]  # how much of what `Rates` names
# The separable way may round more, by this factor at most: 8 bits, which leaves float32 the 16 that TF32 (11) lacks.
MOST_AMPLIFICATION = 2.0**8
BY_NUMBER = ("flop", "pack", "tap", "gather", "copy", "theorem", "plane", "pooled")  # rates of a number in float32


@dataclass(frozen=True)
class Plan:
    """A choice, the costs that it comes from, and the reason.

    way      the cheapest of those that are possible
    seconds  on one thread, by way that is possible
    reason   half a sentence
    rates    where the costs' rates come from: "default", "calibrated" on this machine, or "given" by the caller
    """

    way: Way
    seconds: Mapping[Way, float]
    reason: str
    rates: Origin

    def __str__(self) -> str:
        """E.g. "dictionary 3.90 ms, weights 4.98 ms, separable 1.80 ms: separable, 2.2 times cheaper than the next
        (default rates)"."""
        costs = ", ".join(f"{way} {1e3 * seconds:.2f} ms" for way, seconds in self.seconds.items())
        return f"{costs}: {self.way}, {self.reason} ({self.rates} rates)"


def plan_layer(
    n: int,
    d: int,
    shapes: Sequence[tuple[int, int]],
    dtype: DTypeLike,
    factors: Separable | None = None,
    rates: Rates | None = None,
) -> Plan:
    """Choose the way of a columnar layer's step.

    n        examples in a batch
    d        inputs
    shapes   (k_j, m_j) of every w_j
    dtype    float32 or float64: others have no separable way
    factors  of the dictionary, where it has them
    rates    None: those measured on this machine, or the defaults
    returns  Plan; of equal ways the first
    """
    return _choice(layer_work(n, d, shapes, dtype, factors), dtype, factors, rates)


def plan_pool(
    n: int,
    d: int,
    widths: Sequence[int],
    dtype: DTypeLike,
    factors: Separable | None = None,
    rates: Rates | None = None,
) -> Plan:
    """Choose how to pool once and for all, as for a first layer: [v U_1, ..., v U_J] with U_j (d, k_j), k_j in widths.

    Here R_j meets every example, and not w_j, so that ridge form saves at most d / k.
    """
    work: dict[Way, Work] = {"dictionary": _sum(_product(n, d, k) for k in widths)}
    if factors is not None:
        solved = [] if factors.R is None else [_product(n, k, k) for k in widths]
        work["separable"] = _sum(solved) + _passes(n, sum(widths), dtype, factors) + Work(call=1)
    return _choice(work, dtype, factors, rates)


def plan_conv(
    images: tuple[int, int, int, int],
    filters: tuple[int, int, int, int],
    stride: int,
    padding: int,
    dtype: DTypeLike,
    shapes: Sequence[tuple[int, int]] = (),
    factors: Separable | None = None,
    rates: Rates | None = None,
) -> Plan:
    """Choose the way of a convolution's step.

    images   (n, h, w, c)
    filters  (fh, fw, c, m)
    stride   int >= 1
    padding  int >= 0
    dtype    float32 or float64: others have no separable way
    shapes   (k_j, m_j) of every w_j; none where all filters are learned
    factors  of the dictionary over the filter's window, where it has them and its columns are tied across channels
    rates    None: those of this machine, or the defaults
    returns  Plan
    raises   ShapeError for images smaller than the filters, DomainError for another stride or padding
    """
    return _choice(conv_work(images, filters, stride, padding, shapes, factors), dtype, factors, rates)


def conv_work(
    images: tuple[int, int, int, int],
    filters: tuple[int, int, int, int],
    stride: int,
    padding: int,
    shapes: Sequence[tuple[int, int]] = (),
    factors: Separable | None = None,
) -> dict[Way, Work]:
    """What each way of a convolution's step consists of; the separable one where there are factors."""
    (n, h, w, c), (fh, fw, _, m) = images, filters
    v, W = (np.broadcast_to(np.float32(0), shape) for shape in (images, filters))  # shapes without memory
    height, width = patches(v, (fh, fw), stride, padding)
    pixels = n * height * width
    entries = pixels * fh * fw * c
    work: dict[Way, Work] = {
        "patches": Work(flop=6 * entries * m, copy=3 * entries),
        "theorem": Work(theorem=3 * fourier_conv2d_flops(v, W, stride, padding)),
    }
    if factors is not None:
        rows = np.unique(np.concatenate(factors.alpha) // (fw * c)).size
        taps = n * (h + 2 * padding - fh + 1) * (w + 2 * padding) * (c * rows * fh + sum(k for k, _ in shapes) * fw)
        passes = Work(plane=3 * taps, pooled=3 * pixels * sum(k for k, _ in shapes), call=1)
        work["separable"] = _combined(pixels, shapes) + passes
    return work


def layer_work(
    n: int, d: int, shapes: Sequence[tuple[int, int]], dtype: DTypeLike, factors: Separable | None = None
) -> dict[Way, Work]:
    """What each way of a step consists of; the separable one where there are factors."""
    m = sum(m_j for _, m_j in shapes)
    combined = _combined(n, shapes)
    pooled = _sum(_product(n, d, k) + _product(n, k, d) for k, _ in shapes)
    expanded = _sum(_product(d, k, m_j) + _product(k, d, m_j) for k, m_j in shapes)
    full = _product(n, d, m) + _product(n, m, d) + _product(d, n, m)
    work: dict[Way, Work] = {"dictionary": combined + pooled, "weights": expanded + full}
    if factors is not None:
        folded = [] if factors.R is None else [_product(k, k, m_j) for k, m_j in shapes]
        passes = _passes(n, sum(k for k, _ in shapes), dtype, factors)
        work["separable"] = _sum(folded + folded) + combined + passes + passes + Work(call=1)
    return work


def _combined(n: int, shapes: Sequence[tuple[int, int]]) -> Work:
    """y, dv and dw of what is pooled."""
    return _sum(_product(n, k, m_j) + _product(n, m_j, k) + _product(k, n, m_j) for k, m_j in shapes)


def _product(n: int, k: int, m: int) -> Work:
    """(n, k) (k, m)."""
    return Work(flop=2 * n * k * m, pack=n * k + k * m, product=1)


def _passes(n: int, columns: int, dtype: DTypeLike, factors: Separable) -> Work:
    """Two passes over n examples, and their columns gathered or scattered."""
    height, row, channels = factors.sizes
    pairs = [cut_taps(axis, dtype).size - 1 for axis in factors.taps]
    padded = height * (row + pairs[1]) * channels
    return Work(tap=n * padded * sum(pairs), gather=n * columns, image=n)


def _sum(parts: Iterable[Work]) -> Work:
    return sum(parts, Work())


def _choice(work: Mapping[Way, Work], dtype: DTypeLike, factors: Separable | None, rates: Rates | None) -> Plan:
    """The cheapest way, or the cheapest dense one where the separable way is not possible or too coarse."""
    known, origin = known_rates() if rates is None else (rates, "given")
    width = np.dtype(dtype).itemsize / 4
    unit = {name: rate * (width if name in BY_NUMBER else 1) for name, rate in known._asdict().items()}
    seconds = {way: sum(amount * unit[name] for name, amount in parts.items()) for way, parts in work.items()}

    def chosen(way: Way, reason: str) -> Plan:
        return Plan(way, seconds, reason, origin)

    dense = min((way for way in seconds if way != "separable"), key=lambda way: seconds[way])  # the first of equals
    if factors is None:
        return chosen(dense, "for want of a K that is a product of axes")
    if np.dtype(dtype) not in (np.float32, np.float64):
        del seconds["separable"]
        return chosen(dense, f"for want of kernels in {np.dtype(dtype)}")
    if seconds["separable"] >= seconds[dense]:
        return chosen(dense, "since two short passes save nothing")
    if factors.amplification > MOST_AMPLIFICATION:
        bits = np.log2(factors.amplification)
        return chosen(dense, f"since the separable way may lose {bits:.0f} bits")
    gain = seconds[dense] / seconds["separable"]
    return chosen("separable", f"{gain:.1f} times cheaper than the next")
