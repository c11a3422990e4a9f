"""Lesson 1: the product U V, what it leaves undetermined, and how many numbers it has."""

from typing import Any

import numpy as np

from pp_ref.lessons.exercise import Exercise, Mistake, defined, numbers
from pp_ref.oracle.algebras.tape import Quantity
from pp_ref.oracle.operations.draws import Arguments, Draw, Sizes


def _factors(draw: Draw) -> Arguments:
    s = draw.sizes
    return {"U": draw(s.d, s.k), "V": draw(s.k, s.m)}


def _sheared(U: Quantity, V: Quantity, a: Quantity) -> list[Quantity]:
    above = np.zeros((U.shape[1], U.shape[1]))
    above[0, 1] = 1.0
    E: Any = U._quantity(above)
    return [U + (U @ E) * a, V - (E @ V) * a]


__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "1.1",
        "The product of two factors",
        "A weight matrix of low rank is a product of two thin factors, **W = U V** (sec. 2). `U` has shape (d, k), `V` "
        "has shape (k, m). Return `W`, of shape (d, m).",
        '''
def product(U, V):
    """Return W = U V, of shape (d, m)."""
    W = ...
    return W
''',
        defined("product", lambda U, V: U @ V, _factors),
        {"y": "W[i, j] = sum over c of U[i, c] V[c, j]: row i of U, column j of V, all k terms."},
        "Write W[0, 0] of the smallest case as a sum of k products, and compare it with your line.",
        (
            Mistake(
                "transposed",
                "U @ V",
                "(U @ V).T",
                "The result is the transpose of W: rows and columns are exchanged.",
                "Leave out the last transpose: U @ V has shape (d, m) already.",
            ),
            Mistake(
                "averaged",
                "U @ V",
                "U @ V / U.shape[1]",
                "Every entry is k times too small: the sum over the k terms was made a mean.",
                "Do not divide by k.",
            ),
            Mistake(
                "first term alone",
                "U @ V",
                "np.outer(U[:, 0], V[0])",
                "The result is the first of the k terms alone, a matrix of rank 1.",
                "Add all k outer products: U @ V does that.",
            ),
            Mistake(
                "last term left out",
                "U @ V",
                "U[:, :-1] @ V[:-1]",
                "The last of the k terms is left out of every sum.",
                "Use all of U and V: a slice that ends at -1 stops one short.",
            ),
            Mistake(
                "magnitudes",
                "U @ V",
                "np.abs(U) @ np.abs(V)",
                "The sums are of magnitudes: the signs of U and V are lost.",
                "Take U and V as they are.",
            ),
        ),
    ),
    Exercise(
        "1.2",
        "Other factors, the same W",
        "For any invertible `Q`, **(U Q)(Q⁻¹ V) = U V**: the factors are not determined by W. Take for Q the identity "
        "with the number `a` in row 0, column 1. Return the new factors, `U Q` and `Q⁻¹ V`.",
        '''
def sheared(U, V, a):
    """Return U Q and the inverse of Q times V; Q is the identity, but Q[0, 1] = a."""
    Q = np.eye(U.shape[1])
    ...
    return ..., ...
''',
        defined("sheared", _sheared, lambda draw: _factors(draw) | {"a": draw()}),
        {
            "y": "U Q adds a times column 0 of U to column 1; Q⁻¹ V takes a times row 1 of V from row 0. "
            "The inverse of Q has -a where Q has a."
        },
        "Multiply your two results: if that is not U V, Q and its inverse do not meet.",
        (
            Mistake(
                "Q for its inverse",
                "np.linalg.inv(Q) @ V",
                "Q @ V",
                "The second factor is Q V, not the inverse of Q times V: the product of your two factors is U Q Q V.",
                "Multiply V by the inverse of Q: the same matrix with -a in place of a.",
            ),
            Mistake(
                "inverse on U",
                "U @ Q, np.linalg.inv(Q) @ V",
                "U @ np.linalg.inv(Q), Q @ V",
                "Q and its inverse are exchanged. The product is still U V, but these are the factors for -a.",
                "Multiply U by Q, and V by the inverse.",
            ),
            Mistake(
                "Q transposed",
                "U @ Q, np.linalg.inv(Q) @ V",
                "U @ Q.T, np.linalg.inv(Q.T) @ V",
                "Q is transposed: a stands in row 1, column 0.",
                "Put a at Q[0, 1]: the first index is the row.",
            ),
            Mistake(
                "transpose for inverse",
                "np.linalg.inv(Q) @ V",
                "Q.T @ V",
                "The second factor is the transpose of Q times V. A transpose is an inverse only of a rotation.",
                "Use the inverse of Q, which has -a in row 0, column 1.",
            ),
            Mistake(
                "V as it was",
                "np.linalg.inv(Q) @ V",
                "V",
                "The second factor is V as it was: the product of the factors is U Q V.",
                "Undo Q on the side of V: multiply V by the inverse of Q.",
            ),
            Mistake(
                "a everywhere",
                "Q[0, 1] = a",
                "Q[:] = Q + a * np.triu(np.ones(Q.shape), 1)",
                "a stands everywhere above the diagonal of Q, not in one place.",
                "Set the one entry Q[0, 1].",
            ),
        ),
        sizes=(
            Sizes(n=1, d=1, columns=((2, 1),), seed=1),
            Sizes(n=2, d=2, columns=((2, 2),), seed=2),
            Sizes(n=2, d=3, columns=((2, 2),), seed=3),
            Sizes(n=2, d=3, columns=((3, 2),), seed=4),
            Sizes(n=2, d=4, columns=((3, 3),), seed=5),
            Sizes(n=5, d=7, columns=((3, 4),), seed=6),
            Sizes(n=4, d=4, columns=((4, 4),), seed=7),
        ),
    ),
    Exercise(
        "1.3",
        "How many numbers a product has",
        "U and V together have k (d + m) entries, but an invertible Q of k x k changes them and not W. Return how many "
        "numbers W = U V of rank k has free: the entries of the factors, less those of Q.",
        '''
def free_numbers(d, k, m):
    """Return the number of free numbers in a (d, m) matrix of rank k."""
    return ...
''',
        defined(
            "free_numbers",
            lambda d, k, m: k * (d + m - k),
            numbers(d=(2, 3, 4, 5, 8, 28, 784), k=(1, 1, 2, 3, 2, 7, 78), m=(2, 4, 3, 4, 6, 10, 500)),
        ),
        {"y": "k d entries of U, k m of V, less k k of Q: k (d + m - k)."},
        "Take d = m = k: a square matrix of full rank has d d free numbers.",
        (
            Mistake(
                "Q not taken off",
                "k * (d + m - k)",
                "k * (d + m)",
                "These are the entries of both factors; the k k numbers of Q, which W does not show, are counted too.",
                "Take off k * k.",
            ),
            Mistake(
                "all of W",
                "k * (d + m - k)",
                "d * m",
                "This is the number of entries of W: it does not depend on the rank.",
                "Count the entries of the factors, k d + k m, less k k.",
            ),
            Mistake(
                "V alone",
                "k * (d + m - k)",
                "k * m",
                "These are the entries of V alone: what is learned where U is fixed, as the paper has it.",
                "Here both factors are free: add the entries of U, and take off those of Q.",
            ),
            Mistake(
                "k for its square",
                "k * (d + m - k)",
                "k * (d + m) - k",
                "k was taken off, and not k k.",
                "Q has k rows and k columns: take off k * k.",
            ),
            Mistake(
                "U alone",
                "k * (d + m - k)",
                "k * d",
                "These are the entries of U alone.",
                "Add the entries of V, and take off those of Q.",
            ),
        ),
        whole=False,
    ),
)
