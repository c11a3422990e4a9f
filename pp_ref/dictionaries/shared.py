"""Kernel dictionaries through the one K of all columns: ``v U_j = (v K)[:, alpha_j] R_j``, for any covariance.

``v K`` is one product, with as many columns as all of them keep weights together, and R_j can be folded into w_j.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike

from pp_ref.dictionaries.columns import Floats, Indices
from pp_ref.dictionaries.dictionary import Dictionary
from pp_ref.dictionaries.separable import amplification

__all__ = ["Shared", "shared"]


@dataclass(frozen=True, eq=False)
class Shared:
    """The factors of a dictionary's U.

    kept      (d, q) float64: K[:, i] for every i that some column keeps
    alpha     J index arrays (k_j,) into the columns of kept
    R         J arrays (k_j, k_j), symmetric; or None for atom form, where every R_j = I
    residual  the largest ratio of |K[:, alpha_j] R_j - U_j| to |K[:, alpha_j]| |R_j|: no use for a dtype whose rounding
              is smaller
    """

    kept: Floats
    alpha: tuple[Indices, ...]
    R: tuple[Floats, ...] | None
    residual: float

    def K(self, dtype: DTypeLike | None = None) -> Floats:
        """What is kept of K, in float64 whatever the dtype: nothing is cut."""
        return self.kept

    @cached_property
    def amplification(self) -> float:
        """As `Separable.amplification`."""
        return amplification(self.kept, self.alpha, self.R)


def shared(dictionary: Dictionary) -> Shared | None:
    """The factors of a dictionary that was made from a covariance, else None.

    They come from U alone: U_j[alpha_j] = I - ridge R_j, and K[:, alpha_j] = U_j R_j^-1. Of a small ridge little is
    left beside 1; columns then disagree on K, and `residual` shows it. A ridge of 0 leaves no R_j to be found.
    """
    settings = dictionary.recipe.settings
    if "ridge" not in settings or (settings["form"] == "ridge" and not settings["ridge"]):
        return None
    kept, positions = np.unique(np.concatenate(dictionary.alpha), return_inverse=True)
    alpha = np.split(positions, np.cumsum([column.alpha.size for column in dictionary.columns])[:-1])
    K, inverses = np.empty((dictionary.space.size, kept.size)), []
    for column, own in zip(dictionary.columns, alpha, strict=True):
        if settings["form"] == "atom":
            K[:, own] = column.U
            continue
        R = (np.eye(own.size) - column.U[column.alpha]) / settings["ridge"]
        inverses.append((R + R.T) / 2)
        K[:, own] = np.linalg.solve(inverses[-1], column.U.T).T
    if settings["form"] == "atom":
        return Shared(K, tuple(alpha), None, 0.0)
    residual = 0.0
    for column, own, R in zip(dictionary.columns, alpha, inverses, strict=True):
        left, magnitudes = abs(K[:, own] @ R - column.U), abs(K[:, own]) @ abs(R)
        residual = max(residual, float((left[magnitudes > 0] / magnitudes[magnitudes > 0]).max(initial=0)))
    return Shared(K, tuple(alpha), tuple(inverses), residual)
