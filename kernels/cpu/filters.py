"""A dictionary of filters tied across channels as products of axes: what convolutional pooling convolves with.

A column of K, as a filter, is an outer product: K_y[:, a_y] down, K_x[:, a_x] across. All sites of one row share what
goes down, and all channels share both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pp_ref.arrays import check_axes, check_integer
from pp_ref.dictionaries.dictionary import Dictionary
from pp_ref.errors import DomainError, ShapeError
from pp_ref.kernels.cpu.operands import Operands, check_dtype, operands

__all__ = ["Filters", "check_images", "filters", "outputs"]

Real = NDArray[Any]  # float32 or float64


@dataclass(frozen=True, eq=False)
class Filters:
    """The factors of U_j = (K_s[:, sites_j] R_j) (x) I_c, K_s = K_y (x) K_x over a window of fh x fw.

    o      dtype, taps, R_j and U_j
    sites  J index arrays: the places in the window that column j keeps, in every channel
    """

    o: Operands
    sites: tuple[NDArray[np.intp], ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """fh, fw, c"""
        return self.o.factors.sizes

    @cached_property
    def _axes(self) -> tuple[Real, Real, NDArray[np.intp]]:
        (fh, fw, _), taps = self.shape, self.o.taps
        iy, ix = np.divmod(np.concatenate(self.sites), fw)
        rows, row = np.unique(iy, return_inverse=True)
        down, across = (
            np.pad(axis, (0, size))[abs(np.subtract.outer(kept, np.arange(size)))]
            for axis, kept, size in zip(taps, (rows, ix), (fh, fw), strict=True)
        )
        return down, across, row

    @property
    def down(self) -> Real:
        """(D, fh): K_y[:, a_y] for each of the D different rows that are kept."""
        return self._axes[0]

    @property
    def across(self) -> Real:
        """(S, fw): K_x[:, a_x] for each site of each column."""
        return self._axes[1]

    @property
    def row(self) -> NDArray[np.intp]:
        """(S,): which of the D rows each site has."""
        return self._axes[2]

    @property
    def tied(self) -> list[Real]:
        """J arrays (fh fw, k_j / c): U_j of one channel, as `pp_ref.layers.predicted_conv2d` has it."""
        c = self.shape[2]
        return [U[::c, ::c] for U in self.o.U]

    def fold(self, w: Sequence[Real]) -> list[Real]:
        """R_j w_j, for v * U_j w_j = (v * K[:, alpha_j]) (R_j w_j): once a step, and a site of R_j for all channels."""
        if self.o.R is None:
            return list(w)
        c = self.shape[2]
        return [
            (R[::c, ::c] @ w_j.reshape(len(w_j) // c, -1)).reshape(w_j.shape)  # (k / c, k / c) (k / c, c m_j)
            for R, w_j in zip(self.o.R, w, strict=True)
        ]


def filters(dictionary: Dictionary, dtype: DTypeLike) -> Filters:
    """The factors of a dictionary of filters in a dtype.

    raises  DomainError for another dtype than float32 or float64, a dictionary that has no such factors, or one whose
            channels keep different sites
    """
    o = operands(dictionary, dtype)
    c, sites = o.factors.sizes[2], []
    for j, alpha in enumerate(o.factors.alpha):
        if not tied(alpha, c):
            raise DomainError(
                f"column {j} of the dictionary keeps other sites in one channel than in the next, expected the same in "
                f"all {c}: make it with alpha tied across channels, or use pp_ref.layers.predicted_conv2d"
            )
        sites.append(alpha[::c] // c)
    return Filters(o, tuple(sites))


def tied(alpha: NDArray[Any], channels: int) -> bool:
    """Whether alpha is the same sites in each of the channels, in the order of `Grid`."""
    sites = alpha[::channels] // channels
    return alpha.size == sites.size * channels and bool(
        np.all(alpha.reshape(-1, channels) == sites[:, None] * channels + np.arange(channels))
    )


def outputs(f: Filters, image: tuple[int, int], stride: int, padding: int) -> tuple[int, int]:
    """h' and w', how many places a filter has in an image of h x w.

    raises  ShapeError for images smaller than the filters, DomainError for a stride < 1 or a padding < 0
    """
    check_integer(1, stride=stride)
    check_integer(0, padding=padding)
    (fh, fw, _), (h, w) = f.shape, image
    if h + 2 * padding < fh or w + 2 * padding < fw:
        raise ShapeError(f"filters are {fh} x {fw} but images {h} x {w} with padding {padding}: pad more")
    return 1 + (h + 2 * padding - fh) // stride, 1 + (w + 2 * padding - fw) // stride


def check_images(f: Filters, name: str, images: Real, channels: int) -> None:
    """raises ShapeError unless images are (n, height, width, channels), DomainError for another dtype"""
    check_dtype(f.o, **{name: images})
    check_axes("n h w c", **{name: images})
    if images.shape[3] != channels:
        raise ShapeError(f"axis c is {images.shape[3]} in {name}, but {channels} in the dictionary")
