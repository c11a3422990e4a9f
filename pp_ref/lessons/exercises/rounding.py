"""Lesson 8: bounds of rounding errors, and how far inside them a program is."""

import numpy as np

from pp_ref.lessons.exercise import Exercise, Mistake, defined, numbers
from pp_ref.oracle.algebras.tape import Quantity
from pp_ref.oracle.operations.draws import Arguments, Draw


def _gamma(k: Quantity, u: Quantity) -> Quantity:
    return k * u / (1.0 - k * u)


def _magnitude(x: Quantity) -> Quantity:
    return (-x).where(np.asarray(x.algebra.compared(x.data) < 0), x)


def _bound(A: Quantity, B: Quantity, u: float) -> Quantity:
    k = float(A.shape[1])
    return (_magnitude(A) @ _magnitude(B)) * (u * k / (1.0 - u * k))


def _share(computed: Quantity, exact: Quantity, bound: Quantity) -> Quantity:
    shares = _magnitude(computed - exact) / bound
    return shares.reshape(1, shares.size).max(axis=1).reshape()


def _product(draw: Draw) -> Arguments:
    s = draw.sizes
    A, B = np.rint(2 * draw(s.n, s.k)), np.rint(2 * draw(s.k, s.m))
    return {"A": A, "B": B, "u": 2.0 ** -(5 + s.seed % 3)}


def _results(draw: Draw) -> Arguments:
    """Of the sixth case signs alone differ, of the last one errors are small beside the numbers."""
    s = draw.sizes
    exact = np.rint(3 * draw(s.n, s.m)) + (s.seed == 7) / 3
    off = draw.rng.integers(-9, 10, exact.shape) * (2.0**-40 if s.seed == 7 else 1.0)
    bound = draw.rng.integers(1, 9, exact.shape) * (2.0**-40 if s.seed == 7 else 1.0)
    return {"computed": -exact if s.seed == 6 else exact + off, "exact": exact, "bound": bound}


__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "8.1",
        "What k roundings do",
        "Each rounding multiplies a result by 1 + δ with |δ| at most `u`. Of k in a row the product lies within 1 ± "
        "γ_k, **γ_k = k u / (1 - k u)** (Higham, lemma 3.1). Return γ_k.",
        '''
def gamma(k, u):
    """Return k u / (1 - k u)."""
    return ...
''',
        defined(
            "gamma",
            _gamma,
            numbers(k=(1, 2, 4, 3, 10, 64, 100), u=(0.25, 0.125, 0.125, 0.0625, 2**-8, 2**-11, 2**-8)),
        ),
        {"y": "k u over 1 - k u: the denominator pays for the products of several δ."},
        "k = 1, u = 1/4: 1/4 over 3/4, a third.",
        (
            Mistake(
                "first order",
                "k * u / (1 - k * u)",
                "k * u",
                "This is the first order, k u: products of several roundings are left out, so it is no bound.",
                "Divide by 1 - k u.",
            ),
            Mistake(
                "plus",
                "(1 - k * u)",
                "(1 + k * u)",
                "The denominator is 1 + k u: smaller than k u, so it is no bound.",
                "Subtract k u from 1.",
            ),
            Mistake(
                "k once",
                "k * u / (1 - k * u)",
                "k * u / (1 - u)",
                "The denominator has u in place of k u.",
                "Divide by 1 - k u.",
            ),
            Mistake(
                "k left out above",
                "k * u / (1 - k * u)",
                "u / (1 - k * u)",
                "The numerator has u in place of k u: k times too small.",
                "Multiply by k.",
            ),
            Mistake(
                "power",
                "k * u / (1 - k * u)",
                "(1 + u) ** k - 1",
                "This is (1 + u)^k - 1: what roundings upwards do; those downwards that are divided by do more.",
                "Use k u / (1 - k u).",
            ),
        ),
        whole=False,
    ),
    Exercise(
        "8.2",
        "The bound of a product of matrices",
        "A product A B with k terms a sum, in any order, is off by at most **γ_k |A| |B|**, entry by entry (Higham, "
        "sec. 3.5). |A| has the magnitudes of A's entries. `A` is (n, k), `B` is (k, m), `u` is the unit roundoff. "
        "Return the (n, m) bound.",
        '''
def product_bound(A, B, u):
    """Return gamma_k |A| |B|, of shape (n, m)."""
    k = A.shape[1]
    return ...
''',
        defined("product_bound", _bound, _product),
        {"y": "γ_k (|A| @ |B|): magnitudes first, then the product; k is the number of terms in a sum."},
        "Opposite numbers that cancel in A B still round: their magnitudes add up.",
        (
            Mistake(
                "magnitude of the product",
                "np.abs(A) @ np.abs(B)",
                "np.abs(A @ B)",
                "The magnitude is taken of the product: where sums cancel, the bound is too small.",
                "Take magnitudes before you multiply.",
            ),
            Mistake(
                "one magnitude",
                "np.abs(A) @ np.abs(B)",
                "np.abs(A) @ B",
                "B has its signs still.",
                "Take |B|.",
            ),
            Mistake(
                "first order",
                "k * u / (1 - k * u)",
                "k * u",
                "γ_k is taken to be k u: products of roundings are left out.",
                "Divide by 1 - k u.",
            ),
            Mistake(
                "one rounding",
                "k * u / (1 - k * u)",
                "u",
                "One rounding is counted, not k.",
                "Use γ_k with k, the number of terms.",
            ),
            Mistake(
                "other axis",
                "k = A.shape[1]",
                "k = A.shape[0]",
                "k is taken to be the number of rows of A.",
                "k is the length of the sum: A.shape[1].",
            ),
            Mistake(
                "one number for all",
                "k * u / (1 - k * u) * (np.abs(A) @ np.abs(B))",
                "k * u / (1 - k * u) * (np.abs(A) @ np.abs(B)).max() + 0 * (A @ B)",
                "Every entry has the largest entry's bound: errors in small entries would pass.",
                "Leave each entry its own bound.",
            ),
        ),
        whole=False,
    ),
    Exercise(
        "8.3",
        "How much of the bound is used",
        "A program's results are right if each is within its bound. Return the largest **|computed - exact| / bound** "
        "over all entries: above 1 proves a mistake. One number.",
        '''
def share(computed, exact, bound):
    """Return the largest share of the bound that is used, one number."""
    return ...
''',
        defined("share", _share, _results),
        {"y": "The largest over the entries of |computed - exact| / bound: each entry by its own bound."},
        "One entry outside its bound has to show, however many are inside.",
        (
            Mistake(
                "mean",
                "(np.abs(computed - exact) / bound).max()",
                "(np.abs(computed - exact) / bound).mean()",
                "This is the mean of the shares: one wrong entry is hidden by many right ones.",
                "Take the largest.",
            ),
            Mistake(
                "signed",
                "(np.abs(computed - exact) / bound).max()",
                "((computed - exact) / bound).max()",
                "The magnitude is missing: what is too small counts as negative.",
                "Take |computed - exact|.",
            ),
            Mistake(
                "bounds apart",
                "(np.abs(computed - exact) / bound).max()",
                "np.abs(computed - exact).max() / bound.max()",
                "The largest error is divided by the largest bound: they may be of different entries.",
                "Divide entry by entry, then take the largest.",
            ),
            Mistake(
                "not divided",
                "(np.abs(computed - exact) / bound).max()",
                "np.abs(computed - exact).max()",
                "The errors are not divided by their bounds.",
                "Divide each by its own bound.",
            ),
            Mistake(
                "sum",
                "(np.abs(computed - exact) / bound).max()",
                "(np.abs(computed - exact) / bound).sum()",
                "The shares are added up.",
                "Take the largest.",
            ),
            Mistake(
                "norms",
                "(np.abs(computed - exact) / bound).max()",
                "np.linalg.norm(computed - exact) / np.linalg.norm(bound)",
                "Two norms are divided: a wrong small entry is hidden by a large bound elsewhere.",
                "Divide entry by entry, then take the largest.",
            ),
        ),
        whole=False,
    ),
)
