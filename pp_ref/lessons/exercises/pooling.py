"""Lesson 4: many columns that share one covariance, and two short passes in place of a long one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pp_ref.lessons.exercise import Exercise, Mistake, defined
from pp_ref.oracle.algebras.tape import Quantity
from pp_ref.oracle.operations.draws import Arguments, Draw
from pp_ref.oracle.operations.table import BY_NAME


def _gathered(v: Quantity, K: Quantity, alpha: Sequence[NDArray[np.int64]]) -> list[Quantity]:
    return [v @ K[:, each] for each in alpha]


def _columns(draw: Draw) -> Arguments:
    s = draw.sizes
    alpha = [draw.kept(s.d, k)[::-1].copy() for k, _ in s.columns]  # in no ascending order
    return {"v": draw(s.n, s.d), "K": np.rint(4 * draw(s.d, s.d)), "alpha": alpha}


def _passes(v: Quantity, Ky: Quantity, Kx: Quantity) -> Quantity:
    height, width = Ky.shape[0], Kx.shape[0]
    y, x = np.divmod(np.arange(height * width), width)
    return v @ (Ky.take(y[:, None] * height + y) * Kx.take(x[:, None] * width + x))


def _image(draw: Draw) -> Arguments:
    s = draw.sizes
    height, width = s.k, s.k + s.seed % 2
    return {"v": draw(s.n, height * width), "Ky": draw(height, height), "Kx": draw(width, width)}


__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "4.1",
        "Back through the pooling of all columns",
        "Pooling is **v U_j** for every column j (sec. 3.3). Going back, each column returns `g[j]` (n, k_j). Return "
        "the sum over the columns of **g_j U_jᵀ**, of shape (n, d).",
        '''
def pool_adjoint(g, U):
    """Return the sum over j of g[j] times the transpose of U[j]."""
    return ...
''',
        BY_NAME["pool_adjoint"],
        {"y": "g_j U_jᵀ is what column j gives back to the input; the input went into all columns, so they add up."},
        "With one column the answer is one product. With two, add the second.",
        (
            Mistake(
                "mean over columns",
                "sum(g_j @ U_j.T for g_j, U_j in zip(g, U))",
                "sum(g_j @ U_j.T for g_j, U_j in zip(g, U)) / len(U)",
                "Every entry is J times too small: a mean over the J columns, not a sum.",
                "Do not divide by the number of columns.",
            ),
            Mistake(
                "first column alone",
                "zip(g, U))",
                "zip(g[:1], U))",
                "Only the first column is there.",
                "Go through all columns.",
            ),
            Mistake(
                "last column left out",
                "zip(g, U))",
                "zip(g[: max(len(g) - 1, 1)], U))",
                "The last column is left out.",
                "Go through all columns: a slice that ends at -1 stops one short.",
            ),
            Mistake(
                "first dictionary for all",
                "g_j @ U_j.T for g_j, U_j in zip(g, U)",
                "g_j @ U[0].T for g_j in g",
                "The dictionary of the first column serves for all.",
                "Use U[j] with g[j].",
            ),
            Mistake(
                "dictionaries reversed",
                "zip(g, U))",
                "zip(g, U[::-1]))",
                "The dictionaries are in the opposite order.",
                "Take g and U in the same order.",
            ),
            Mistake(
                "not transposed",
                "g_j @ U_j.T",
                "g_j @ U_j",
                "U is not transposed: only a square U lets that through.",
                "Use U_j.T.",
            ),
        ),
    ),
    Exercise(
        "4.2",
        "One product for all columns",
        "With **U_j = K[:, α_j] R_j** every column needs **(v K)[:, α_j]**: one product with K serves them all. `v` is "
        "(n, d), `K` is (d, d), `alpha` is a list of index arrays. Return the list of (v K)[:, alpha[j]].",
        '''
def gathered(v, K, alpha):
    """Return the list of (v K)[:, alpha_j], with one product v K."""
    return ...
''',
        defined("gathered", _gathered, _columns),
        {"y": "(v K)[:, α_j]: all d inputs are mixed by K, then the columns α_j are chosen."},
        "Form v @ K once, and choose columns of it.",
        (
            Mistake(
                "sorted",
                "vK[:, a] for a in alpha",
                "vK[:, np.sort(a)] for a in alpha",
                "The columns are in ascending order of alpha_j, not in alpha_j's own.",
                "Index with alpha_j itself: a mask or np.unique loses its order.",
            ),
            Mistake(
                "not mixed",
                "return [vK[:, a] for a in alpha]",
                "return [v[:, a] for a in alpha]",
                "These are inputs at the kept places: K is missing.",
                "Multiply v by K before you choose.",
            ),
            Mistake(
                "chosen first",
                "return [vK[:, a] for a in alpha]",
                "return [v[:, a] @ K[a][:, a] for a in alpha]",
                "Inputs are chosen before they are mixed: those that are not kept add nothing.",
                "Mix all d inputs, then choose.",
            ),
            Mistake(
                "first columns",
                "return [vK[:, a] for a in alpha]",
                "return [vK[:, : len(a)] for a in alpha]",
                "The first columns of v K are taken, whatever alpha says.",
                "Index the columns by alpha[j].",
            ),
            Mistake(
                "one alpha for all",
                "return [vK[:, a] for a in alpha]",
                "return [vK[:, alpha[0]] for a in alpha]",
                "The indices of the first column serve for all.",
                "Use alpha[j] for column j.",
            ),
            Mistake(
                "off by one",
                "return [vK[:, a] for a in alpha]",
                "return [vK[:, a - 1] for a in alpha]",
                "Every index is one too small: indices count from 0.",
                "Use the indices as they are.",
            ),
        ),
        whole=False,
    ),
    Exercise(
        "4.3",
        "Two short passes",
        "On a grid of height x width places a covariance can be a product, **K = K_y ⊗ K_x**: entry ((y, x), (y', x')) "
        "is K_y[y, y'] K_x[x, x']. Then v K needs no matrix with d² entries: one pass goes along y, "
        "one along x. `v` is "
        "(n, height * width), rows of the image one after another. Return v K, without forming K.",
        '''
def two_passes(v, Ky, Kx):
    """Return v (Ky (x) Kx), of the shape of v."""
    n, height, width = len(v), len(Ky), len(Kx)
    image = v.reshape(n, height, width)
    return ...
''',
        defined("two_passes", _passes, _image),
        {
            "y": "(v K)[y', x'] = sum over y and x of K_y[y, y'] v[y, x] K_x[x, x']: K_yᵀ from the "
            "left, K_x from the right."
        },
        "Take Kx = I: then every column of the image is multiplied by Ky alone.",
        (
            Mistake(
                "Ky not transposed",
                "Ky.T @ image @ Kx",
                "Ky @ image @ Kx",
                "Ky is not transposed: its rows and columns change places. A symmetric Ky would not show it.",
                "v K sums over the first index of Ky: from the left that is Ky.T.",
            ),
            Mistake(
                "Kx transposed",
                "Ky.T @ image @ Kx",
                "Ky.T @ image @ Kx.T",
                "Kx is transposed. A symmetric Kx would not show it.",
                "v K sums over the first index of Kx: from the right that is Kx itself.",
            ),
            Mistake(
                "sum of passes",
                "Ky.T @ image @ Kx",
                "Ky.T @ image + image @ Kx",
                "The two passes are added up, not done one after the other.",
                "Put the result of the first pass into the second.",
            ),
            Mistake(
                "one pass",
                "Ky.T @ image @ Kx",
                "image @ Kx",
                "The pass along y is missing.",
                "Multiply by Ky.T from the left as well.",
            ),
            Mistake(
                "other pass",
                "Ky.T @ image @ Kx",
                "Ky.T @ image",
                "The pass along x is missing.",
                "Multiply by Kx from the right as well.",
            ),
            Mistake(
                "columns first",
                "image = v.reshape(n, height, width)",
                'image = v.reshape(n, height, width, order="F")',
                "The image is read in another memory order: its entries change places.",
                "Rows of the image come one after another: the default order.",
            ),
        ),
    ),
)
