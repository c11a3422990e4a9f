"""Bounds of algorithms that form other sums than a definition's: a candidate declares them by word.

They add and subtract numbers that cancel, so their errors are relative to norms of whole operands, not to the terms of
an entry. `docs/oracle.md` derives the bounds.
"""

from collections.abc import Callable
from math import ceil, log2
from typing import Any, NamedTuple

import numpy as np

from pp_ref.oracle.algebras.arithmetic import Arithmetic
from pp_ref.oracle.algebras.tape import Quantity, gradients

__all__ = ["ALGORITHMS", "CONVOLVE", "Operand", "convolution", "convolved", "strassen"]

Exact = np.longdouble
CONVOLVE = ("FFT", "Winograd")  # of which the others are no algorithms of
ALGORITHMS = (*CONVOLVE, "Strassen")
SMALL = 32  # rows of a block that Strassen's recursion leaves as it is, at most; it takes one step at least


class Operand(NamedTuple):
    """An array, and the axes over which its norm is taken."""

    x: Any
    over: tuple[int, ...]


def convolution(correlate: Callable[..., Quantity], v: Quantity, W: Quantity, *settings: Any) -> Quantity:
    """correlate(v, W, *settings), whose errors, and those of its gradients, an algebra may bound by norms.

    v  (n, height, width, c)
    W  (height, width, c, m)
    """
    algebra, bounded = v.algebra, v.algebra.convolved
    if bounded is None:
        return correlate(v, W, *settings)
    images, filters = (Quantity(each.data, algebra) for each in (v, W))
    y, example, every = correlate(images, filters, *settings), (1, 2, 3), (0, 1, 2, 3)
    sizes = [v.shape[i] + W.shape[i - 1] + y.shape[i] for i in (1, 2)]

    def dv(g: Any) -> Any:
        (found,) = gradients([y], [g], [images])
        return bounded(found, Operand(g, example), Operand(W.data, (0, 1, 3)), W.shape[3], sizes)

    def dW(g: Any) -> Any:
        (found,) = gradients([y], [g], [filters])
        return bounded(found, Operand(v.data, every), Operand(g, (0, 1, 2)), v.shape[0], sizes)

    data = bounded(y.data, Operand(v.data, example), Operand(W.data, (0, 1, 2)), W.shape[2], sizes)
    return Quantity(data, algebra, [(v, dv), (W, dW)])


def convolved(arithmetic: Arithmetic) -> Callable[[Any, Operand, Operand, int, list[int]], Any] | None:
    """(result, a, b, summed, sizes) -> the result of a * b with the algorithm's error; None where none is declared.

    a       whose norm is the Euclidean one, of an FFT, or the largest magnitude, of Winograd's: (n or 1, 1, 1, 1)
    b       whose norm is the sum of magnitudes: (units,)
    summed  how many convolutions are added up
    sizes   of an image with all zeros around it, at most
    """
    if arithmetic.algorithm not in CONVOLVE:
        return None

    def bounded(result: Any, a: Operand, b: Operand, summed: int, sizes: list[int]) -> Any:
        first, second = (abs(each.x.value) + each.x.error for each in (a, b))
        total = np.sum(second, axis=b.over)
        if arithmetic.algorithm == "FFT":
            norm = np.sqrt(np.sum(first**2, axis=a.over, keepdims=True)) * total
            lost = _fourier(sizes, summed, arithmetic) * norm
        else:
            norm = np.max(first, axis=a.over, keepdims=True, initial=0) * total
            lost = _winograd(second.size // max(total.size, 1), arithmetic) * norm
        lost = lost * (1 + Exact(arithmetic.unit))
        return result.made(result.value, result.error + lost, None, result.spread + lost, result.terms)

    return bounded


def strassen(length: int, arithmetic: Arithmetic) -> Any:
    """Of max |A| max |B|, how far a product may be off: (n / n0)^(log2 18) (n0^2 + 6 n0) u (Higham, sec. 23.2.2).

    length  n, of the sum of an entry; blocks have n0 = n / 2^steps
    """
    steps = max(1, ceil(log2(max(length, 1) / SMALL)))
    block = ceil(length / 2**steps)
    u, operand = (Exact(each) * (1 + Exact(2) ** -10) for each in (arithmetic.sums, arithmetic.operand))
    own = block**2 * u + block * ((2 + operand) * operand + 7 * Exact(arithmetic.unit))
    return Exact(18) ** steps * own


def _fourier(sizes: list[int], summed: int, arithmetic: Arithmetic) -> Any:
    """3 eps + sqrt(2) gamma_2 + gamma_summed, to all orders; eps = t eta / (1 - t eta) (Higham, th. 24.2)."""
    u = Exact(arithmetic.sums)
    eta = u + _gamma(4, u) * (np.sqrt(Exact(2)) + u)
    t = sum(ceil(log2(max(size, 1))) + 1 for size in sizes)
    eps = t * eta / (1 - t * eta)
    product = np.sqrt(Exact(2)) * _gamma(2, u) + (2 + arithmetic.operand) * arithmetic.operand
    return (1 + eps) ** 3 * (1 + product) * (1 + _gamma(summed, u)) - 1


def _winograd(terms: int, arithmetic: Arithmetic) -> Any:
    """16 (gamma_11 + gamma_terms) of F(2 x 2, 3 x 3): in each axis 2 of |A^T||G|, and 2 of |B^T|."""
    operand = (2 + arithmetic.operand) * arithmetic.operand
    return 16 * ((1 + _gamma(11, Exact(arithmetic.unit))) * (1 + _gamma(terms, Exact(arithmetic.sums)) + operand) - 1)


def _gamma(k: int, u: Any) -> Any:
    return k * u / (1 - k * u)
