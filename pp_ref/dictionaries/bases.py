"""Dictionaries whose columns are elements of a basis, cluster centres, or averages over blocks.

Sec. 3.1: "we could choose U to be a selection of Fourier or wavelet bases to encode our expectation of smoothness".
Here alpha indexes basis elements, not weights. The elements of dct, fourier and wavelet are numbered like the weights:
(frequency along y, frequency along x, channel) in C order. Those of pca are numbered by falling variance.
"""

from collections.abc import Callable
from math import prod

import numpy as np
import scipy

from pp_ref.dictionaries.columns import (
    Column,
    Floats,
    Indices,
    Request,
    Structure,
    column_of,
    drawn_columns,
    is_product,
    tie,
    tied_sites,
)
from pp_ref.dictionaries.covariances import covariance
from pp_ref.dictionaries.index_sets import bands, choose_alpha
from pp_ref.errors import DomainError, import_extra

__all__ = [
    "dct_basis",
    "dct_columns",
    "downsample_columns",
    "fourier_basis",
    "fourier_columns",
    "kmeans_columns",
    "pca_columns",
    "wavelet_basis",
    "wavelet_columns",
]


def dct_basis(n: int) -> Floats:
    """Orthonormal DCT-II: ``B[i, f] = c_f cos(pi (i + 1/2) f / n)``, c_0 = sqrt(1/n), else sqrt(2/n).

    returns  (n, n) float64; column f has frequency f / 2 cycles over the axis
    """
    return np.asarray(scipy.fft.idct(np.eye(n), axis=0, norm="ortho"))


def fourier_basis(n: int) -> Floats:
    """Real orthonormal Fourier basis: constant, then ``sqrt(2/n)`` cos and sin of ``2 pi f i / n`` for f = 1, 2, ...

    returns  (n, n) float64; columns 2f - 1 and 2f have frequency f. For even n the last column is the alternating
             cosine, with factor sqrt(1/n), since its sine is zero
    """
    f = (np.arange(n) + 1) // 2
    # f i is reduced modulo n first: within one turn cos and sin lose no digits.
    angle = 2 * np.pi * (np.outer(np.arange(n), f) % n) / n
    B: Floats = np.where(np.arange(n) % 2 == 1, np.cos(angle), np.sin(angle)) * np.sqrt(2 / n)
    B[:, 0] = np.sqrt(1 / n)
    if n % 2 == 0:
        B[:, -1] = np.cos(angle[:, -1]) * np.sqrt(1 / n)
    return B


def wavelet_basis(shape: tuple[int, ...], wavelet: str, level: int | None) -> tuple[Floats, Indices]:
    """Periodised orthonormal wavelet basis of a lattice, by the inverse transform of PyWavelets (Mallat, 1989).

    shape    sites along each axis, each divisible by 2^level
    wavelet  name of an orthogonal wavelet: "haar", "db2" ... "sym4", "coif1" ...
    level    number of halvings; None takes the most that the shape allows
    returns  (size, size) float64, columns numbered as PyWavelets packs coefficients; (size,) their scales: 0 for
             averages, 1 for the coarsest details, up to ``level`` for the finest
    raises   MissingExtraError, DomainError

    Periodised wavelets are orthonormal only where every length halves evenly: 28 halves twice, 9 not at all.
    """
    pywt = import_extra("pywt", "features")
    # PyWavelets calls dmey orthogonal, but its truncated filter is off by 3e-3; those of the sym family by 1e-10.
    if wavelet not in pywt.wavelist(kind="discrete") or wavelet == "dmey" or not pywt.Wavelet(wavelet).orthogonal:
        raise DomainError(
            f"wavelet is {wavelet!r}, expected the name of an orthogonal one, e.g. haar, db2, sym4, coif1"
        )
    halvings = min((n & -n).bit_length() - 1 for n in shape)
    level = halvings if level is None else level
    if not 1 <= level <= halvings:
        raise DomainError(
            f"level is {level}, but sites {shape} halve evenly {halvings} times: expected 1 to {halvings}, "
            "or a grid with even sides, or kind dct"
        )
    axes, size = tuple(range(1, len(shape) + 1)), prod(shape)
    transform = {"wavelet": wavelet, "mode": "periodization", "axes": axes}
    units = np.eye(size).reshape(size, *shape)
    # Every wavelet packs its coefficients in this way, and haar never warns that the signal is short.
    _, slices = pywt.coeffs_to_array(pywt.wavedecn(units, "haar", "periodization", level, axes), axes=axes)
    coefficients = pywt.array_to_coeffs(units, slices, output_format="wavedecn")
    B = pywt.waverecn(coefficients, **transform).reshape(size, size).T  # unit coefficient per row -> element per column
    at = np.indices(shape).reshape(len(shape), -1).T / np.array(shape)  # in [0, 1): [0, 2^-level) is the coarsest
    scale = np.maximum(0, level + 1 + np.floor(np.log2(np.maximum(at.max(1), 2.0 ** -(level + 2)))))
    return np.ascontiguousarray(B), scale.astype(np.int64)


def _choose(request: Request, B: Floats, order: Indices, product: bool) -> list[Column]:
    """Columns U = (B (x) I_channels)[:, alpha]: channels are uncorrelated, as they are for the smooth covariances.

    B      (sites, sites), one basis element a column
    order  the elements from first to last; the channels of an element follow one another
    """
    channels = request.space.channels
    columns = []
    for alpha in choose_alpha(request, tie(order, channels)):
        structure: Structure = "separable" if product and is_product(request.space, alpha) else "dense"
        if channels > 1 and tied_sites(alpha, channels) is not None:
            structure = "channel-tied"
        element, channel = np.divmod(alpha, channels)
        U = np.zeros((*B[:, element].shape[:1], channels, alpha.size))
        U[:, channel, np.arange(alpha.size)] = B[:, element]
        columns.append(column_of(alpha, U.reshape(request.space.size, alpha.size), structure))
    return columns


def _product_basis(
    request: Request, basis: Callable[[int], Floats], cycles: Callable[[Indices], Indices]
) -> list[Column]:
    """Columns of ``B = B_y (x) B_x``, ordered by the length of the frequency in cycles per pixel; ties by number."""
    sites = request.space.sites
    B: Floats = np.ones((1, 1))
    square = np.zeros(1)
    for n in sites:
        B = np.kron(B, basis(n))
        square = np.add.outer(square, (cycles(np.arange(n)) / n) ** 2).ravel()
    return _choose(request, B, np.argsort(square, kind="stable"), product=True)


def dct_columns(request: Request) -> list[Column]:
    """Kind dct: cosines, lowest spatial frequency first."""
    return _product_basis(request, dct_basis, lambda f: f)


def fourier_columns(request: Request) -> list[Column]:
    """Kind fourier: the real basis, lowest spatial frequency first. It is periodic: opposite edges are neighbours."""
    return _product_basis(request, fourier_basis, lambda f: (f + 1) // 2)


def wavelet_columns(request: Request) -> list[Column]:
    """Kind wavelet: an orthonormal basis, coarsest scale first."""
    B, scale = wavelet_basis(request.space.sites, request.settings["wavelet"], request.settings["level"])
    return _choose(request, B, np.argsort(scale, kind="stable"), product=False)


def pca_columns(request: Request) -> list[Column]:
    """Kind pca: eigenvectors of the input's covariance, largest variance first; the largest entry of each is > 0."""
    _, V = np.linalg.eigh(covariance(request.rows))
    V = V[:, ::-1]
    V = V * np.sign(V[abs(V).argmax(0), np.arange(V.shape[1])])
    return [column_of(a, np.ascontiguousarray(V[:, a])) for a in choose_alpha(request, np.arange(V.shape[1]))]


def kmeans_columns(request: Request) -> list[Column]:
    """Kind kmeans: the columns of U are cluster centres of the layer's input. alpha is 0..k-1.

    whitening  None, or eps > 0: the rows ``(v - mean) P``, ``P = (cov + eps I)^-1/2`` (ZCA), are clustered, and
               ``U = P C`` for the centres C, so that v U holds the products of each white input with each centre
               (Coates, Lee, Ng 2011). White rows have mean 0, so the centres, weighted by their counts, sum to 0:
               U has rank k - 1
    raises     DomainError for more clusters than rows, or if a cluster loses all its rows

    Each column is one run of k-means from a k-means++ start.
    """
    data, eps, k = request.rows.astype(np.float64), request.settings["whitening"], request.n_alpha
    if k > len(data):
        raise DomainError(f"data has {len(data)} rows, but n_alpha is {k}: expected at least one row a cluster")
    P = np.eye(request.space.size)
    if eps is not None:
        values, V = np.linalg.eigh(covariance(data))
        P = V / np.sqrt(np.maximum(values, 0) + eps) @ V.T
        data = (data - data.mean(0)) @ P

    def centres() -> Floats:
        try:
            # k-means++ divides by zero if every row is a centre already.
            with np.errstate(invalid="raise"):
                found, _ = scipy.cluster.vq.kmeans2(
                    data, k, iter=request.settings["iterations"], minit="++", missing="raise", rng=request.rng
                )
        except (scipy.cluster.vq.ClusterError, FloatingPointError):
            raise DomainError(f"data has too few distinct rows for {k} clusters: lower n_alpha or add data") from None
        return np.ascontiguousarray(P @ found.T)

    return drawn_columns(request, centres)


def downsample_columns(request: Request) -> list[Column]:
    """Kind downsample: ``U[i, b] = 1 / |b|`` for i in block b, so v U holds block averages, channel by channel.

    `index_sets.bands` lays the blocks out. alpha is the middle weight of each block. All columns are equal.
    """
    space, sites = request.space, request.space.sites
    height, width = (1, *sites)[-2:]
    layout = bands(sites, request.n_alpha // space.channels)
    U: Floats = np.zeros((prod(sites), sum(layout)))
    centres: list[int] = []
    for r, n in enumerate(layout):
        top, bottom = r * height // len(layout), (r + 1) * height // len(layout)
        for c in range(n):
            left, right = c * width // n, (c + 1) * width // n
            block = np.add.outer(np.arange(top, bottom) * width, np.arange(left, right)).ravel()
            U[block, len(centres)] = 1 / block.size
            centres.append((top + bottom) // 2 * width + (left + right) // 2)
    alpha = tie(np.array(centres), space.channels)
    structure: Structure = "separable" if is_product(space, alpha) else "dense"
    if space.channels > 1:
        U, structure = np.kron(U, np.eye(space.channels)), "channel-tied"
    return [column_of(alpha, U, structure)] * request.n_columns
