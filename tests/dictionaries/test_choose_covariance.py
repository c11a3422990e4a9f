"""Length scale and ridge from features: against the textbook formulas, brute-force refits, and drawn data."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from pp_ref.dictionaries import Frames, Grid, Units, choose_covariance
from pp_ref.dictionaries.choose_covariance import log_leave_one_out, log_marginal_likelihood
from pp_ref.dictionaries.covariances import matern_covariance, se_covariance
from pp_ref.errors import DomainError, ShapeError
from tests.refused import refuses

GRID = Grid(5, 6)
POINTS = GRID.site_points()
K = se_covariance(POINTS, POINTS, 1.0)
WEIGHTS = np.random.default_rng(0).standard_normal((30, 4))


def draw(space, C, m, seed=0):
    root = np.linalg.cholesky(np.kron(C, np.eye(space.channels)))
    return root @ np.random.default_rng(seed).standard_normal((space.size, m))


@pytest.mark.parametrize("ridge", [1e-2, 1.0])
def test_marginal_likelihood_is_the_normal_density_at_its_best_scale(ridge):
    C = K + ridge * np.eye(30)
    scale = np.mean(np.diag(WEIGHTS.T @ np.linalg.solve(C, WEIGHTS))) / 30
    got = log_marginal_likelihood(*np.linalg.eigh(K), ridge, WEIGHTS)
    at = [multivariate_normal(cov=s * C).logpdf(WEIGHTS.T).mean() / 30 for s in (scale, 0.99 * scale, 1.01 * scale)]
    assert got == pytest.approx(at[0], rel=1e-12)
    assert at[0] > max(at[1:])


@pytest.mark.parametrize("ridge", [1e-2, 1.0])
def test_leave_one_out_is_thirty_refits(ridge):
    C = K + ridge * np.eye(30)
    misses, variances = np.empty((30, 4)), np.empty(30)
    for i in range(30):
        rest = np.delete(np.arange(30), i)
        solved = np.linalg.solve(C[np.ix_(rest, rest)], C[rest, i])
        misses[i] = WEIGHTS[i] - solved @ WEIGHTS[rest]
        variances[i] = C[i, i] - solved @ C[rest, i]
    scale = np.mean(misses**2 / variances[:, None])
    want = norm(0, np.sqrt(scale * variances))
    got = log_leave_one_out(*np.linalg.eigh(K), ridge, WEIGHTS)
    assert got == pytest.approx(want.logpdf(misses.T).mean(), rel=1e-12)


@pytest.mark.parametrize("criterion", ["marginal_likelihood", "leave_one_out"])
@pytest.mark.parametrize(("length_scale", "ridge"), [(1.0, 0.01), (2.0, 0.1)])
def test_the_parameters_of_drawn_features_are_recovered(criterion, length_scale, ridge):
    space = Grid(8, 8)
    C = se_covariance(space.site_points(), space.site_points(), length_scale) + ridge * np.eye(64)
    got = choose_covariance("se", space, 3 * draw(space, C, 60), criterion)
    # 3,840 weights fix the length scale to about 1 % and the ridge to about 5 %; leave-one-out to twice that.
    assert got.length_scale == pytest.approx(length_scale, rel=0.1)
    assert got.ridge == pytest.approx(ridge, rel=0.3)


def test_channels_are_draws_too():
    flat, deep = Grid(5, 6), Grid(5, 6, 3)
    W = draw(deep, K + 0.05 * np.eye(30), 10)
    apart = W.reshape(30, 3, 10).reshape(30, 30)
    assert choose_covariance("se", deep, W) == choose_covariance("se", flat, apart)


def test_matern_over_frames():
    space = Frames(40, 2)
    C = matern_covariance(space.site_points(), space.site_points(), 3.0, 0.5) + 0.1 * np.eye(40)
    got = choose_covariance("matern", space, draw(space, C, 100), nu=0.5)
    assert got.length_scale == pytest.approx(3.0, rel=0.2)
    assert got.ridge == pytest.approx(0.1, rel=0.4)


def test_the_choice_is_the_best_nearby():
    W = draw(GRID, K + 0.05 * np.eye(30), 20)
    got = choose_covariance("se", GRID, W)
    for length_scale in (0.97, 1, 1.03):
        for ridge in (0.97, 1, 1.03):
            moved = np.linalg.eigh(se_covariance(POINTS, POINTS, got.length_scale * length_scale))
            assert log_marginal_likelihood(*moved, got.ridge * ridge, W) <= got.value + 1e-9


REFUSED = {
    DomainError: [
        (["se"], GRID, WEIGHTS, r"^kind is \['se'\], expected one of se, matern: the others have no length scale$"),
        ("emp", GRID, WEIGHTS, "^kind is 'emp', expected one of se, matern: the others have no length scale$"),
        ("se", GRID, WEIGHTS, "aic", "^criterion is 'aic', expected one of marginal_likelihood, leave_one_out$"),
        ("se", GRID, np.where(WEIGHTS[0, 0] == WEIGHTS, np.nan, WEIGHTS), "^weights has 1 entries that are NaN"),
        ("se", GRID, 0 * WEIGHTS, "^weights are all zero, expected learned features"),
        ("matern", GRID, WEIGHTS, "leave_one_out", 0, "^nu is 0.0, expected"),
        ("se", Units(30), WEIGHTS, r"^space is Units\(n=30\), expected a Grid or Frames of at least two sites"),
    ],
    ShapeError: [
        ("se", GRID, WEIGHTS[1:], r"^weights has shape \(29, 4\), expected \(d, m\) with d = 30 and m >= 1"),
        ("se", GRID, WEIGHTS[:, :0], r"^weights has shape \(30, 0\)"),
        ("se", GRID, WEIGHTS[:, 0], r"^weights has shape \(30,\), expected axes \(d, m\)$"),
    ],
}
test_what_cannot_be_chosen = refuses(choose_covariance, REFUSED)
