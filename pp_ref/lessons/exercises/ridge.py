"""Lesson 2: a feature predicted from a few of its weights by kernel ridge regression."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pp_ref.lessons.exercise import Exercise, Mistake, defined
from pp_ref.oracle.algebras.tape import Quantity
from pp_ref.oracle.operations import definitions
from pp_ref.oracle.operations.draws import Arguments, Draw, points
from pp_ref.oracle.operations.table import BY_NAME


def _places(draw: Draw) -> Arguments:
    """Places near 0, and in the sixth case far from it, where squares of distances are as small."""
    found = points(draw)
    return found | {name: found[name] + 64.0 * (draw.sizes.seed == 6) for name in ("a", "b")}


def _covariance(draw: Draw) -> Arguments:
    """A positive definite K in whole numbers, distinct indices, and a ridge."""
    s = draw.sizes
    A = np.rint(draw(s.d, 2))
    alpha = draw.kept(s.d, s.k)[::-1].copy()  # in no ascending order
    return {"K": A @ A.T + 2.0 * np.eye(s.d), "alpha": alpha, "ridge": 1.0 + s.seed % 2}


def _kept(draw: Draw) -> Arguments:
    s = draw.sizes
    alpha = draw.kept(s.d, s.k)
    return {"W": draw(s.d, s.m), "U": draw(s.d, len(alpha)), "alpha": alpha}


def _residual(W: Quantity, U: Quantity, alpha: NDArray[np.int64]) -> Quantity:
    left = W - U @ W[alpha]
    return (left * left).sum() / (W * W).sum()


__all__ = ["EXERCISES"]

EXERCISES = (
    Exercise(
        "2.1",
        "The covariance of two places",
        "Neighbouring weights of a feature are alike. The paper says how much by the squared exponential "
        "**k(i, j) = exp(-|i - j|² / (2 σ²))** (sec. 3.2). `a` has shape (n, 2) and `b` has shape (m, 2): places in "
        "pixels. Return K of shape (n, m).",
        '''
def se_kernel(a, b, length_scale):
    """Return K[i, j] = exp(-|a_i - b_j|^2 / (2 length_scale^2))."""
    return ...
''',
        replace(BY_NAME["se_kernel"], arguments=_places),
        {"y": "The exponent: the squared distance, summed over both coordinates, over 2 σ², with a minus."},
        "Two places that are one σ apart have the covariance exp(-1/2) = 0.6065.",
        (
            Mistake(
                "2 left out",
                "(2 * length_scale**2)",
                "length_scale**2",
                "The exponent is twice too large: the 2 of 2 σ² is missing.",
                "Divide by 2 * length_scale**2.",
            ),
            Mistake(
                "scale not squared",
                "(2 * length_scale**2)",
                "(2 * length_scale)",
                "The distance is divided by 2 σ, not by 2 σ²: it depends on the unit of length.",
                "Square the length scale.",
            ),
            Mistake(
                "distance not squared",
                "-(apart**2).sum(axis=2)",
                "-np.sqrt((apart**2).sum(axis=2))",
                "The exponent has the distance, not its square.",
                "Leave out the root.",
            ),
            Mistake(
                "sum squared",
                "-(apart**2).sum(axis=2)",
                "-np.abs(apart).sum(axis=2) ** 2",
                "The coordinates are added up before they are squared.",
                "Square each coordinate's difference, then add.",
            ),
            Mistake(
                "mean over coordinates",
                "-(apart**2).sum(axis=2)",
                "-(apart**2).mean(axis=2)",
                "The exponent is the mean over the two coordinates: half of the squared distance.",
                "Sum over the coordinates.",
            ),
            Mistake(
                "one coordinate",
                "-(apart**2).sum(axis=2)",
                "-(apart[..., 0] ** 2)",
                "Only the first coordinate counts.",
                "Sum over both coordinates, the last axis.",
            ),
            Mistake(
                "plus",
                "-(apart**2).sum(axis=2)",
                "(apart**2).sum(axis=2)",
                "The minus of the exponent is missing: the covariance grows with the distance.",
                "Put a minus before the squared distance.",
            ),
        ),
    ),
    Exercise(
        "2.2",
        "The dictionary of ridge regression",
        "From the weights at `alpha` ridge regression predicts all of them: "
        "**U = K[:, α] (K[α, α] + λ I)⁻¹** (sec. 3.1). `K` has shape (d, d) and is symmetric, `alpha` are k distinct "
        "indices, `ridge` is λ. Return U of shape (d, k).",
        '''
def dictionary(K, alpha, ridge):
    """Return U = K[:, alpha] (K[alpha, alpha] + ridge I)^-1, of shape (d, k)."""
    atoms = K[:, alpha]
    return ...
''',
        defined(
            "dictionary", lambda K, alpha, ridge: definitions.ridge_dictionary(K, alpha, ridge, "ridge"), _covariance
        ),
        {"y": "(K[α, α] + λ I)⁻¹: k x k, the ridge on its diagonal, to the right of K[:, α]."},
        "With one kept weight, U is column alpha of K, divided by K[alpha, alpha] + ridge.",
        (
            Mistake(
                "sorted",
                "atoms = K[:, alpha]",
                "alpha = np.sort(alpha)\n    atoms = K[:, alpha]",
                "The columns are in ascending order of alpha, not in alpha's own.",
                "Take columns in the order that alpha has: a mask or np.unique loses it.",
                "Column i of U belongs to alpha[i].",
            ),
            Mistake(
                "no ridge",
                "atoms[alpha] + ridge * np.eye(len(alpha))",
                "atoms[alpha]",
                "The ridge is missing: kept weights are reproduced exactly.",
                "Add ridge * np.eye(k) before you invert.",
            ),
            Mistake(
                "ridge everywhere",
                "ridge * np.eye(len(alpha))",
                "ridge",
                "The ridge is added to every entry, not to the diagonal.",
                "Multiply the ridge by the identity.",
            ),
            Mistake(
                "no inverse",
                "np.linalg.solve(atoms[alpha] + ridge * np.eye(len(alpha)), atoms.T).T",
                "atoms",
                "These are the columns of K: the inverse is missing.",
                "Multiply from the right by the inverse of K[alpha, alpha] + ridge I.",
            ),
            Mistake(
                "multiplied",
                "np.linalg.solve(atoms[alpha] + ridge * np.eye(len(alpha)), atoms.T).T",
                "atoms @ (atoms[alpha] + ridge * np.eye(len(alpha)))",
                "K[:, alpha] is multiplied by K[alpha, alpha] + ridge I, not by its inverse.",
                "Invert it, or solve a system with it.",
            ),
            Mistake(
                "ridge squared",
                "ridge * np.eye",
                "ridge**2 * np.eye",
                "The ridge is squared.",
                "Add ridge itself to the diagonal.",
            ),
            Mistake(
                "first weights",
                "atoms = K[:, alpha]",
                "alpha = np.arange(len(alpha)); atoms = K[:, alpha]",
                "The kept weights are taken to be the first k, whatever alpha says.",
                "Index columns and rows by alpha.",
            ),
            Mistake(
                "entries inverted",
                "np.linalg.solve(atoms[alpha] + ridge * np.eye(len(alpha)), atoms.T).T",
                "atoms / np.diag(atoms[alpha] + ridge * np.eye(len(alpha)))",
                "Each column is divided by its own diagonal entry: what kept weights say of each other is lost.",
                "Invert the whole k x k matrix.",
            ),
        ),
        whole=False,
    ),
    Exercise(
        "2.3",
        "How much of a feature is not predicted",
        "The weights that are kept are `W[alpha]`, and **U W[α]** predicts all of W. Return the share that is missed, "
        "**|W - U W[α]|² / |W|²**: squares summed over all entries. One number.",
        '''
def missed(W, U, alpha):
    """Return |W - U W[alpha]|^2 / |W|^2, one number."""
    return ...
''',
        defined("missed", _residual, _kept),
        {"y": "The squares of W - U W[alpha], over all entries, divided by those of W, over all entries."},
        "With U = 0 the share is 1: everything is missed.",
        (
            Mistake(
                "root",
                "(left**2).sum() / (W**2).sum()",
                "np.sqrt((left**2).sum() / (W**2).sum())",
                "The result is the root of the share.",
                "Leave out the root: squares are compared with squares.",
            ),
            Mistake(
                "not divided",
                "(left**2).sum() / (W**2).sum()",
                "(left**2).sum()",
                "The squares are not divided by those of W: the number depends on W's unit.",
                "Divide by (W**2).sum().",
            ),
            Mistake(
                "mean of shares",
                "(left**2).sum() / (W**2).sum()",
                "(left**2 / W**2).mean()",
                "The shares of single entries are averaged: small weights count as much as large ones.",
                "Sum the squares first, then divide once.",
            ),
            Mistake(
                "first weights",
                "W[alpha]",
                "W[: len(alpha)]",
                "The kept weights are taken to be the first k, whatever alpha says.",
                "Index the rows of W by alpha.",
            ),
            Mistake(
                "by the prediction",
                "(W**2).sum()",
                "((U @ W[alpha]) ** 2).sum()",
                "The squares are divided by those of the prediction.",
                "Divide by the squares of W.",
            ),
            Mistake(
                "not squared",
                "(left**2).sum() / (W**2).sum()",
                "np.abs(left).sum() / np.abs(W).sum()",
                "Magnitudes are added up, not squares.",
                "Square before you sum.",
            ),
            Mistake(
                "mean of squares",
                "(left**2).sum()",
                "(left**2).mean()",
                "The numerator is a mean, the denominator a sum.",
                "Sum in both places.",
            ),
        ),
    ),
)
