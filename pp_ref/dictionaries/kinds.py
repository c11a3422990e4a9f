"""The kinds of dictionaries: what U is, who builds it, and its settings. docs/dictionaries.md has them as a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pp_ref.dictionaries import autoencoder, bases, controls, ridge
from pp_ref.dictionaries.columns import Column, Request

__all__ = ["BY_K", "BY_RIDGE", "KINDS", "RIDGE", "Kind"]


class Kind(NamedTuple):
    """One kind of dictionary.

    formula   what U is, in one line
    source    the paper's section, or where else it comes from
    build     Request -> list of Columns
    settings  names and defaults
    choices   choices of alpha, the default first; none if alpha only numbers the elements
    tied      alpha keeps all channels of a site, or none
    smooth    the kind needs sites with positions, so not Units
    data      the kind needs data (n, d)
    """

    formula: str
    source: str
    build: Callable[[Request], list[Column]]
    settings: Mapping[str, Any] = {}
    choices: Sequence[str] = ()
    tied: bool = False
    smooth: bool = False
    data: bool = False

    def __repr__(self) -> str:
        """E.g. Kind('U = I[:, alpha]', 'sec. 3.5')."""
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        return f"Kind({self.formula!r}, {self.source!r}{settings})"


ANYWHERE = ("uniform", "windowed", "strided", "farthest", "variance")
BY_K = (*ANYWHERE, "cholesky", "leverage")
BY_ORDER = ("leading", "interleaved", "uniform")
# The authors use the ridge 1e-3 for emp and emp2. For se and matern, whose diagonal is 1, the paper gives no ridge, and
# the authors' 0.1 came with length scales 2 and 3; ours is 1e-3 again. With the paper's length scale 1 it is about the
# smallest eigenvalue of a full grid (0.0013), so it hardly shrinks a prediction; at any length scale it keeps
# cond(K_alpha + ridge I) below 1e3 k, which float32 still resolves.
RIDGE = {"ridge": 1e-3, "form": "ridge"}

BY_RIDGE = "U = K[:, alpha] (K_alpha + ridge I)^-1"

KINDS: dict[str, Kind] = {
    "se": Kind(
        f"{BY_RIDGE}, k(i, j) = exp(-|i - j|^2 / (2 length_scale^2))",
        "sec. 3.2",
        ridge.se_columns,
        {"length_scale": 1.0, **RIDGE},
        BY_K,
        tied=True,
        smooth=True,
    ),
    "matern": Kind(
        f"{BY_RIDGE}, k(i, j) = 2^(1-nu) / Gamma(nu) z^nu K_nu(z), z = sqrt(2 nu) |i - j| / length_scale",
        "Rasmussen and Williams 2006, eq. 4.14",
        ridge.matern_columns,
        {"length_scale": 1.0, "nu": 1.5, **RIDGE},
        BY_K,
        tied=True,
        smooth=True,
    ),
    "emp": Kind(f"{BY_RIDGE}, K = cov(data)", "sec. 3.5", ridge.emp_columns, RIDGE, BY_K, data=True),
    "emp2": Kind(f"{BY_RIDGE}, K = cov(data^2)", "sec. 3.5", ridge.emp2_columns, RIDGE, BY_K, data=True),
    "ae": Kind(
        "U = the weights of an autoencoder of the data",
        "sec. 3.1, 3.5",
        autoencoder.ae_columns,
        {"examples": 5000, "iterations": 50, "atoms": None},
        data=True,
    ),
    "randcon": Kind("U = I[:, alpha]", "sec. 3.5", controls.randcon_columns, {}, ANYWHERE),
    "randfixu": Kind(
        "U = random numbers of mean 0",
        "sec. 3.5",
        controls.randfixu_columns,
        {"distribution": "gaussian", "scale": None},
    ),
    "lowrank": Kind(
        "U = random numbers in (-irange, irange), learned from there on",
        "sec. 2",
        controls.lowrank_columns,
        {"irange": 0.1},
    ),
    "dct": Kind("U = cosines[:, alpha]", "sec. 3.1", bases.dct_columns, {}, BY_ORDER, smooth=True),
    "fourier": Kind("U = cosines and sines[:, alpha]", "sec. 3.1", bases.fourier_columns, {}, BY_ORDER, smooth=True),
    "wavelet": Kind(
        "U = an orthonormal wavelet basis[:, alpha]",
        "sec. 3.1",
        bases.wavelet_columns,
        {"wavelet": "db4", "level": None},
        BY_ORDER,
        smooth=True,
    ),
    "pca": Kind(
        "U = eigenvectors of cov(data)[:, alpha]", "not in the paper", bases.pca_columns, {}, BY_ORDER, data=True
    ),
    "kmeans": Kind(
        "U = centres of the k clusters of the data",
        "Coates, Lee, Ng 2011",
        bases.kmeans_columns,
        {"whitening": None, "iterations": 30},
        data=True,
    ),
    "downsample": Kind(
        "U[i, b] = 1 / |b| for i in the block b of pixels",
        "not in the paper",
        bases.downsample_columns,
        tied=True,
        smooth=True,
    ),
    "nokernel": Kind("U = I: every weight is learned", "sec. 4.1", controls.nokernel_columns),
}
