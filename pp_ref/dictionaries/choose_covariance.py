"""Length scale and ridge from learned features: "learning the kernel functions directly" (sec. 5).

Each learned feature counts as one draw of a Gaussian process, ``w ~ N(0, s^2 C)`` with ``C = K + ridge I``. Under this
model the ridge predictor of sec. 3.1 is the posterior mean. The scale s^2 cancels in U, so each criterion uses its best
value. Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), sec. 5.4.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

from pp_ref.arrays import check_axes, check_finite
from pp_ref.brief import brief
from pp_ref.dictionaries.columns import Floats
from pp_ref.dictionaries.covariances import matern_covariance, se_covariance
from pp_ref.dictionaries.settings import check_settings
from pp_ref.dictionaries.spaces import Space, Units
from pp_ref.errors import DomainError, ShapeError, check_known

__all__ = ["CovarianceChoice", "choose_covariance", "log_leave_one_out", "log_marginal_likelihood"]

RIDGES = (1e-8, 1e2)  # searched; a smaller ridge is below the rounding of an SE covariance in float64
GRID = 9  # points of the coarse search


@brief
class CovarianceChoice(NamedTuple):
    """length_scale in pixels or frames; ridge, relative to a unit diagonal; value, the largest criterion per weight.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.dictionaries import Grid, choose_covariance, make_dictionary
    >>> features = np.sin(np.arange(16.0)[:, None] + np.arange(8.0))
    >>> choice = choose_covariance("se", Grid(1, 16), features)
    >>> settings = {"length_scale": choice.length_scale, "ridge": choice.ridge}
    >>> dictionary = make_dictionary("se", Grid(1, 16), n_alpha=4, rng=np.random.default_rng(0), **settings)
    >>> dictionary.U()[0].shape
    (16, 4)
    """

    length_scale: float
    ridge: float
    value: float


def log_marginal_likelihood(values: Floats, vectors: Floats, ridge: float, weights: Floats) -> float:
    """``log p(w) = -1/2 w^T C^-1 w / s^2 - 1/2 log|s^2 C| - d/2 log 2 pi`` (R&W eq. 5.8), per weight.

    values   (d,) eigenvalues of K: with them C^-1 costs one product for any ridge
    vectors  (d, d) eigenvectors of K, one a column
    weights  (d, m), one draw a column
    returns  the mean over all d m weights, with ``s^2 = mean of w^T C^-1 w / d``, where the likelihood is largest
    """
    spread = np.maximum(values, 0) + ridge
    scale = np.mean((vectors.T @ weights) ** 2 / spread[:, None])
    return float(-0.5 * (np.log(spread).mean() + np.log(2 * np.pi * scale) + 1))


def log_leave_one_out(values: Floats, vectors: Floats, ridge: float, weights: Floats) -> float:
    """``sum_i log p(w_i | w_-i)``, ``w_i - mu_i = [C^-1 w]_i / [C^-1]_ii``, ``s_i^2 = s^2 / [C^-1]_ii``, per weight.

    R&W eqs. 5.10 to 5.12: one inverse gives all d refits. Arguments and return value are as for
    `log_marginal_likelihood`.
    """
    spread = np.maximum(values, 0) + ridge
    precision = (vectors**2 / spread).sum(1)  # (d,) diag of C^-1
    solved = vectors @ ((vectors.T @ weights) / spread[:, None])  # (d, m) C^-1 w
    scale = np.mean(solved**2 / precision[:, None])
    return float(-0.5 * (np.log(2 * np.pi * scale) - np.log(precision).mean() + 1))


CRITERIA = {"marginal_likelihood": log_marginal_likelihood, "leave_one_out": log_leave_one_out}
COVARIANCES: dict[str, Callable[[Floats, float, float], Floats]] = {
    "se": lambda points, length_scale, nu: se_covariance(points, points, length_scale),
    "matern": lambda points, length_scale, nu: matern_covariance(points, points, length_scale, nu),
}


def choose_covariance(
    kind: str, space: Space, weights: Floats, criterion: str = "marginal_likelihood", nu: float = 1.5
) -> CovarianceChoice:
    """The length scale and ridge that maximise a criterion on learned features.

    kind       "se" or "matern" (with ``nu``)
    space      Grid or Frames, with at least two sites
    weights    (d, m) floating-point, d = space.size: m features learned without prediction; a channel is another draw
    criterion  "marginal_likelihood" (R&W 5.8) or "leave_one_out" (R&W 5.10-5.12)
    returns    CovarianceChoice, whose length_scale and ridge `make_dictionary` takes
    raises     DomainError, ShapeError

    The search takes a grid, then Brent's method, over log length_scale in [1/4 pixel, 2 extents], and for each length
    scale over log ridge in [1e-8, 100]. It costs about 30 eigendecompositions of the covariance of the sites. A ridge
    at either end means that the features do not determine it. Leave-one-out is safer if the covariance is wrong
    (R&W sec. 5.4.2).

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.dictionaries import Grid, choose_covariance
    >>> i = np.arange(16.0)
    >>> C = np.exp(-((i[:, None] - i) ** 2) / (2 * 2.0**2)) + 0.01 * np.eye(16)  # length scale 2, ridge 1/100
    >>> features = np.linalg.cholesky(C) @ np.random.default_rng(0).standard_normal((16, 200))
    >>> choice = choose_covariance("se", Grid(1, 16), features)
    >>> round(choice.length_scale, 1), round(choice.ridge, 2)
    (2.0, 0.01)
    """
    if not isinstance(kind, str) or kind not in COVARIANCES:
        raise DomainError(
            f"kind is {kind!r}, expected one of {', '.join(COVARIANCES)}: the others have no length scale"
        )
    check_known("criterion", criterion, CRITERIA)
    nu = check_settings("matern", {"nu": 1.5}, {"nu": nu})["nu"]
    check_axes("d m", weights=weights)
    if weights.shape[0] != space.size or weights.shape[1] == 0:
        raise ShapeError(
            f"weights has shape {weights.shape}, expected (d, m) with d = {space.size} and m >= 1 for {space}"
        )
    check_finite(weights=weights)
    if not np.any(weights):
        raise DomainError("weights are all zero, expected learned features: zeros are likely under any covariance")
    points = space.site_points()
    if isinstance(space, Units) or len(points) < 2:
        raise DomainError(f"space is {space}, expected a Grid or Frames of at least two sites: one has no length scale")
    draws = np.asarray(weights, dtype=np.float64).reshape(len(points), -1)  # (sites, channels m)

    def best_ridge(log_length: float) -> tuple[float, float]:
        values, vectors = np.linalg.eigh(COVARIANCES[kind](points, float(np.exp(log_length)), nu))
        return _maximise(
            lambda log_ridge: CRITERIA[criterion](values, vectors, np.exp(log_ridge), draws), *np.log(RIDGES)
        )

    extent = float(np.ptp(points, axis=0).max())
    log_length, value = _maximise(lambda log_length: best_ridge(log_length)[1], np.log(0.25), np.log(2 * extent))
    return CovarianceChoice(float(np.exp(log_length)), float(np.exp(best_ridge(log_length)[0])), value)


def _maximise(f: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """(argmax, max) of f on [low, high]: the best point of a grid, then Brent's method between its neighbours."""
    grid = np.linspace(low, high, GRID)
    heights = [f(x) for x in grid]
    top = int(np.argmax(heights))
    fit = scipy.optimize.minimize_scalar(
        lambda x: -f(x),
        bounds=(grid[max(top - 1, 0)], grid[min(top + 1, GRID - 1)]),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return (float(fit.x), -float(fit.fun)) if -fit.fun > heights[top] else (float(grid[top]), heights[top])
