"""Covariances against loops that share no code with them."""

from math import exp, gamma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from pp_ref.dictionaries.covariances import BLOCK, covariance, matern_covariance, se_covariance
from pp_ref.dictionaries.spaces import Grid

EPS = np.finfo(np.float64).eps
POINTS = Grid(4, 5).site_points()


def test_se_is_its_formula():
    K = se_covariance(POINTS, POINTS, 1.5)
    for i, (iy, ix) in enumerate(POINTS):
        for j, (jy, jx) in enumerate(POINTS):
            want = exp(-((ix - jx) ** 2 + (iy - jy) ** 2) / (2 * 1.5**2))
            # The exponent is at most 6 and carries three roundings; exp adds one.
            assert abs(K[i, j] - want) <= (3 * 6 + 1) * EPS * want


@pytest.mark.parametrize("nu", [0.5, 1.5, 2.5])
def test_half_integer_matern_agrees_with_the_general_formula(nu):
    near = matern_covariance(POINTS, POINTS, 1.3, nu)
    general = matern_covariance(POINTS, POINTS, 1.3, nu + 1e-12)  # d log k / d nu is below 10 here
    np.testing.assert_allclose(near, general, rtol=1e-11, atol=0)


@pytest.mark.parametrize("nu", [0.5, 0.8, 1.5, 2.5, 4.2])
def test_matern_against_scikit_learn(nu):
    gaussian_process = pytest.importorskip("sklearn.gaussian_process")
    want = gaussian_process.kernels.Matern(length_scale=1.3, nu=nu)(POINTS)
    np.testing.assert_allclose(matern_covariance(POINTS, POINTS, 1.3, nu), want, rtol=1e-12, atol=0)


def test_matern_against_the_integral_of_the_bessel_function():
    nu, z = 3.3, np.sqrt(2 * 3.3) * 2.0
    bessel = quad(lambda t: np.exp(-z * np.cosh(t)) * np.cosh(nu * t), 0, 20, epsrel=1e-12)[0]
    got = matern_covariance(np.zeros((1, 1)), np.array([[2.0]]), 1.0, nu)[0, 0]
    assert got == pytest.approx(2 ** (1 - nu) / gamma(nu) * z**nu * bessel, rel=1e-10)


@settings(deadline=None)
@given(nu=st.floats(0.05, 50), length_scale=st.floats(1e-3, 1e8))
def test_matern_stays_in_range(nu, length_scale):
    K = matern_covariance(POINTS, POINTS, length_scale, nu)
    assert np.isfinite(K).all()
    assert (K >= 0).all()
    assert (K <= 1).all()
    assert (K.diagonal() == 1).all()


def test_a_very_smooth_very_long_matern_is_its_series():
    # K_50 overflows at this distance.
    assert matern_covariance(np.zeros((1, 1)), np.array([[1.0]]), 1e7, 50)[0, 0] == pytest.approx(1, abs=1e-12)


def _covariance_loops(X):
    n, d = X.shape
    K = np.empty((d, d))
    for i in range(d):
        for j in range(d):
            mean_i, mean_j = sum(X[:, i]) / n, sum(X[:, j]) / n
            K[i, j] = sum((X[r, i] - mean_i) * (X[r, j] - mean_j) for r in range(n)) / (n - 1)
    return K


@pytest.mark.parametrize("power", [1, 2])
def test_covariance_is_its_formula(power):
    X = np.random.default_rng(0).random((30, 6))
    # Sums of 30 terms in [0, 1]: n eps each for the means and the products.
    np.testing.assert_allclose(covariance(X, power), _covariance_loops(X**power), rtol=0, atol=4 * 30 * EPS)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_covariance_in_blocks_is_numpys(power, dtype):
    n = BLOCK + 37
    X = (np.random.default_rng(1).random((n, 5)) * 200).astype(dtype)
    want = np.cov((X.astype(np.float64) ** power).T)
    np.testing.assert_allclose(covariance(X, power), want, rtol=0, atol=n * EPS * 200.0 ** (2 * power))


def test_emp2_is_not_the_squared_covariance():
    X = np.random.default_rng(2).random((50, 4))
    assert not np.allclose(covariance(X, 2), covariance(X) ** 2)
    assert not np.allclose(covariance(X, 2), covariance(X) @ covariance(X))
