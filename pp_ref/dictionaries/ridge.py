"""Dictionaries from a covariance: ``U = k_alpha^T (K_alpha + ridge I)^-1`` (sec. 3.1), or ``U = k_alpha^T``."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigvalsh

from pp_ref.dictionaries.columns import Column, Floats, Indices, Request, Structure, is_product, spectrum, tied_sites
from pp_ref.dictionaries.covariances import covariance, matern_covariance, se_covariance
from pp_ref.dictionaries.index_sets import choose_alpha
from pp_ref.errors import DomainError, ShapeError

__all__ = [
    "FORMS",
    "callable_columns",
    "emp2_columns",
    "emp_columns",
    "matern_columns",
    "ridge_dictionary",
    "se_columns",
]

FORMS = ("ridge", "atom")


def ridge_dictionary(K: Floats, alpha: Indices, ridge: float, form: str = "ridge") -> tuple[Floats, float, int]:
    """``U = K[:, alpha] (K_alpha + ridge I)^-1`` with K_alpha = K[alpha, alpha] (sec. 3.1), or ``U = K[:, alpha]``.

    K        (d, d) float64, symmetric positive semi-definite
    alpha    (k,) int64, distinct
    ridge    >= 0, absolute: relative only where K has a unit diagonal (se, matern)
    form     "ridge", or "atom", without the solve. Both span the same space if K_alpha + ridge I is invertible
    returns  U (d, k) float64; condition number of K_alpha + ridge I, or of K_alpha for "atom"; rank of K_alpha
    raises   DomainError if a pivot of the Cholesky factorisation is not positive

    U[alpha] tends to I as ridge tends to 0. cond(K_alpha + ridge I) is at most 1 + k max(diag K) / ridge. At ridge 0 it
    is 2e17 for half of a 28 x 28 grid with length scale 4, and U is then rounding noise.
    """
    K_alpha = K[np.ix_(alpha, alpha)]
    eigenvalues = eigvalsh(K_alpha)
    if form == "atom":
        return np.ascontiguousarray(K[:, alpha]), *spectrum(eigenvalues, alpha.size)
    condition, rank = spectrum(eigenvalues, alpha.size, ridge)
    try:
        factor = cho_factor(K_alpha + ridge * np.eye(alpha.size), lower=True)
    except LinAlgError:
        floor = np.finfo(np.float64).eps * alpha.size * max(abs(eigenvalues).max(), 1)
        if eigenvalues[0] < -floor:
            raise DomainError(
                f"K_alpha ({alpha.size} x {alpha.size}) has the eigenvalue {eigenvalues[0]:.1e}: it is no covariance; "
                f"expected a positive semi-definite function or matrix, or ridge well above {-eigenvalues[0]:.1e}"
            ) from None
        raise DomainError(
            f"ridge is {ridge}, but K_alpha ({alpha.size} x {alpha.size}, numerical rank {rank}, smallest eigenvalue "
            f"{eigenvalues[0]:.1e}) + ridge I is not positive definite in float64; expected ridge well above "
            f"{floor:.1e}: raise it, keep fewer weights, or shorten the length scale"
        ) from None
    return np.ascontiguousarray(cho_solve(factor, K[alpha]).T), condition, rank  # (k, k)^-1 (k, d), transposed


def _smooth(request: Request, K_sites: Floats, product: bool) -> list[Column]:
    """Columns from ``K = K_sites (x) I_channels``: channels are uncorrelated, so U = U_sites (x) I for a tied alpha."""
    channels, ridge, form = request.space.channels, request.settings["ridge"], request.settings["form"]
    columns = []
    for alpha in choose_alpha(request, K_sites):
        sites = tied_sites(alpha, channels)
        structure: Structure = "dense"
        if sites is None:
            U, condition, rank = ridge_dictionary(np.kron(K_sites, np.eye(channels)), alpha, ridge, form)
        else:
            U, condition, rank = ridge_dictionary(K_sites, sites, ridge, form)
            if channels > 1:
                U, rank, structure = np.kron(U, np.eye(channels)), rank * channels, "channel-tied"
            elif product and form == "atom" and is_product(request.space, alpha):
                # Atom form only: (K_y (x) K_x + ridge I)^-1 is no Kronecker product.
                structure = "separable"
        columns.append(Column(alpha, U, structure, condition, rank))
    return columns


def se_columns(request: Request) -> list[Column]:
    """Kind se: the squared exponential over the sites, zero between channels (sec. 3.2)."""
    points = request.space.site_points()
    return _smooth(request, se_covariance(points, points, request.settings["length_scale"]), product=True)


def matern_columns(request: Request) -> list[Column]:
    """Kind matern: Matern over the sites, zero between channels. It is no product of axes, unlike se."""
    points = request.space.site_points()
    K = matern_covariance(points, points, request.settings["length_scale"], request.settings["nu"])
    return _smooth(request, K, product=False)


def _general(request: Request, K: Floats) -> list[Column]:
    ridge, form = request.settings["ridge"], request.settings["form"]
    columns = []
    for alpha in choose_alpha(request, K):
        U, condition, rank = ridge_dictionary(K, alpha, ridge, form)
        columns.append(Column(alpha, U, "dense", condition, rank))
    return columns


def emp_columns(request: Request) -> list[Column]:
    """Kind emp: ridge regression with the covariance of the layer's input, ``K = cov(V)`` (sec. 3.5)."""
    return _general(request, covariance(request.rows))


def emp2_columns(request: Request) -> list[Column]:
    """Kind emp2: ridge regression with the covariance of the squared activations, ``K = cov(V^2)`` (sec. 3.5)."""
    return _general(request, covariance(request.rows, power=2))


def callable_columns(request: Request, function: Callable[[Floats, Floats], Floats]) -> list[Column]:
    """The caller's covariance, ``function(points_i (n, p), points_j (m, p)) -> (n, m)``, of rows of space.points().

    raises  ShapeError if it returns another shape; DomainError if it is not finite or not symmetric
    """
    points = request.space.points()
    K = np.asarray(function(points, points), dtype=np.float64)
    d = request.space.size
    if K.shape != (d, d):
        raise ShapeError(
            f"covariance(points, points) has shape {K.shape}, expected ({d}, {d}): one entry a pair of points, "
            "as from a[:, None] - b[None]"
        )
    if not np.isfinite(K).all():
        raise DomainError("covariance(points, points) has NaN or infinite entries, expected finite numbers")
    # The two triangles may differ by rounding, and by no more.
    if (abs(K - K.T) > 8 * np.finfo(np.float64).eps * abs(K).max()).any():
        raise DomainError("covariance(points, points) is not symmetric, expected k(i, j) = k(j, i)")
    return _general(request, K)
