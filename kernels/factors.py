"""The factors U_j = K[:, alpha_j] R_j of a dictionary that was made from a covariance. They shorten v U_j.

    R_j = (K_alpha + ridge I)^-1 in ridge form,  I in atom form

`v K` is the same for every column, `(v K)[:, alpha_j]` is gathered from it, and R_j can be folded into w_j. There are
two kinds of factors:

    Separable  the squared exponential on a lattice: K = K_y (x) K_x (x) I_channels, so v K takes two short passes
    Shared     any other covariance: v K is one product with the columns of K that are kept
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import LinAlgError, cho_factor, cho_solve, toeplitz

from pp_ref.dictionaries.columns import Floats, Indices
from pp_ref.dictionaries.dictionary import Dictionary
from pp_ref.dictionaries.spaces import Frames, Grid

__all__ = ["Separable", "Shared", "cut_taps", "separable", "shared"]

CUT = 1 / 4  # the sum of the taps left out, in units of u


@dataclass(frozen=True, eq=False)
class Separable:
    """The factors of a dictionary's U, exact up to the rounding of float64.

    sizes  (height, width, channels): i = (iy, ix, channel), channels last; Frames are (frames, 1, coefficients)
    taps   two float64 arrays, (height,) and (width,): K_y[i, j] = taps[0][|i - j|], K_x likewise; taps[.][0] = 1
    alpha  J index arrays (k_j,)
    R      J arrays (k_j, k_j), symmetric; or None for atom form, where every R_j = I
    """

    sizes: tuple[int, int, int]
    taps: tuple[Floats, Floats]
    alpha: tuple[Indices, ...]
    R: tuple[Floats, ...] | None

    def K(self, dtype: DTypeLike | None = None) -> Floats:
        """K (d, d) float64, in full; with a dtype, K of the taps that `cut_taps` leaves, rounded to that dtype."""
        y, x = self._taps(dtype)
        K: Floats = np.kron(np.kron(toeplitz(y), toeplitz(x)), np.eye(self.sizes[2]))
        return K

    def atoms(self, alpha: Indices, dtype: DTypeLike | None = None) -> Floats:
        """K[:, alpha] (d, k) float64, without the rest of K."""
        y, x = self._taps(dtype)
        iy, ix, channel = np.unravel_index(alpha, self.sizes)
        rows, columns, channels = (np.arange(size)[:, None] for size in self.sizes)
        along_y, along_x = y[abs(rows - iy)], x[abs(columns - ix)]  # (height, k), (width, k)
        K: Floats = along_y[:, None, None] * along_x[:, None] * (channels == channel)
        return K.reshape(-1, alpha.size)

    def _taps(self, dtype: DTypeLike | None) -> list[Floats]:
        """Both axes' taps, padded with zeros where `cut_taps` cuts them."""
        if dtype is None:
            return list(self.taps)
        return [np.pad(cut_taps(axis, dtype).astype(np.float64), (0, axis.size))[: axis.size] for axis in self.taps]

    @cached_property
    def amplification(self) -> float:
        """The largest ratio of the column sums of K[:, alpha] |R| to those of |U|; 1 for atom form.

        The product through K and R rounds at most so many times more than that with U. The ratio grows with the
        condition number of K_alpha + ridge I: ``v K`` is large where neighbours agree, and R takes differences of it.
        For half of a 28 x 28 grid and ridge 1e-3 it is 100 at length scale 1 and 70,000 at 4.
        """
        return amplification(self.K(), self.alpha, self.R)


def amplification(K: Floats, alpha: Sequence[Indices], R: Sequence[Floats] | None) -> float:
    """The largest ratio of the column sums of |K[:, alpha_j]| |R_j| to those of |K[:, alpha_j] R_j|; 1 without R."""
    worst = 1.0
    for alpha_j, R_j in zip(alpha, R or (), strict=R is not None):
        magnitudes = abs(K[:, alpha_j]).sum(axis=0) @ abs(R_j)
        worst = max(worst, float((magnitudes / abs(K[:, alpha_j] @ R_j).sum(axis=0)).max()))
    return worst


def separable(dictionary: Dictionary) -> Separable | None:
    """The factors of a dictionary of kind se on a Grid or Frames; None for any other, or for atoms of unit norm.

    Matern depends on Euclidean distance, so its K is no product of axes. None is also returned if the Cholesky
    factorisation of K_alpha + ridge I fails here.
    """
    recipe, space = dictionary.recipe, dictionary.space
    if recipe.kind != "se" or not isinstance(space, Grid | Frames) or "unit_norm" in recipe.settings:
        return None
    height, width = (*space.sites, 1)[:2]
    settings = recipe.settings
    y, x = (np.exp(-0.5 * np.arange(size) ** 2 / settings["length_scale"] ** 2) for size in (height, width))
    factors = Separable((height, width, space.channels), (y, x), tuple(dictionary.alpha), None)
    if settings["form"] == "atom":
        return factors
    inverses = []
    for alpha in factors.alpha:
        iy, ix, channel = np.unravel_index(alpha, factors.sizes)
        K_alpha = y[abs(np.subtract.outer(iy, iy))] * x[abs(np.subtract.outer(ix, ix))] * (channel[:, None] == channel)
        identity = np.eye(alpha.size)
        try:
            R: Floats = cho_solve(cho_factor(K_alpha + settings["ridge"] * identity, lower=True), identity)
        except LinAlgError:
            return None
        inverses.append((R + R.T) / 2)
    return Separable(factors.sizes, factors.taps, factors.alpha, tuple(inverses))


def cut_taps(taps: Floats, dtype: DTypeLike) -> Floats:
    """The leading taps k(0), ..., k(T) in ``dtype``: the fewest with 2 (k(T+1) + k(T+2) + ...) <= u / 4.

    u = eps / 2 is the unit roundoff of ``dtype``. Leaving out the others changes a pass by at most u / 4 times the
    largest |v|, less than its first rounding. At length scale 1, T = 6 in float32 and 8 in float64; none is subnormal.
    """
    limits = np.finfo(dtype)
    left_out = 2 * (np.cumsum(taps[::-1])[::-1] - taps)  # entry T: the sum without the taps after T
    enough = left_out <= CUT * float(limits.eps) / 2
    cut: Floats = taps[: int(np.argmax(enough)) + 1].astype(dtype)
    return cut


@dataclass(frozen=True, eq=False)
class Shared:
    """The factors of a dictionary's U, through one K for all columns.

    kept      (d, q) float64: K[:, i] for every i that some column keeps
    alpha     J index arrays (k_j,) into the columns of kept
    R         J arrays (k_j, k_j), symmetric; or None for atom form, where every R_j = I
    residual  the largest ratio of |K[:, alpha_j] R_j - U_j| to |K[:, alpha_j]| |R_j|; a dtype can use the
              factors if its unit roundoff is at least as large
    """

    kept: Floats
    alpha: tuple[Indices, ...]
    R: tuple[Floats, ...] | None
    residual: float

    def K(self, dtype: DTypeLike | None = None) -> Floats:
        """The kept columns of K (d, q), in float64 for every dtype: nothing is cut."""
        return self.kept

    @cached_property
    def amplification(self) -> float:
        """As `Separable.amplification`."""
        return amplification(self.kept, self.alpha, self.R)


def shared(dictionary: Dictionary) -> Shared | None:
    """The factors of a dictionary that was made from a covariance, in its own atoms and with a ridge; else None.

    They are computed from U alone: U_j[alpha_j] = I - ridge R_j, and K[:, alpha_j] = U_j R_j^-1. If the ridge is small,
    I - U_j[alpha_j] cancels and the columns disagree on K; `residual` measures this.
    """
    settings = dictionary.recipe.settings
    if "ridge" not in settings or "unit_norm" in settings or (settings["form"] == "ridge" and not settings["ridge"]):
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
