"""K of all columns, computed from U: the product of the factors is U, and they are those of the covariance."""

import numpy as np
import pytest

from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.dictionaries.covariances import covariance, matern_covariance
from pp_ref.kernels.factors import shared

DATA = np.random.default_rng(0).random((200, 30)) @ np.random.default_rng(1).standard_normal((30, 30))


def made(kind, space, **settings):
    return make_dictionary(kind, space, proportion=0.4, n_columns=3, rng=np.random.default_rng(2), **settings)


CASES = {
    "emp": (made("emp", Units(30), data=DATA, ridge=1e-2), covariance(DATA)),
    "emp2, atoms": (made("emp2", Units(30), data=DATA, form="atom"), covariance(DATA, power=2)),
    "matern": (
        made("matern", Grid(5, 6), length_scale=2.0, nu=1.5, ridge=1e-3),
        matern_covariance(Grid(5, 6).points(), Grid(5, 6).points(), 2.0, 1.5),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_factors_are_those_of_the_covariance(case):
    """U is off by a Cholesky solve, 4 k (3 k + 1) u cond |U| (Higham, theorem 10.4 and sec. 10.1), hence R by that and
    a rounding over the ridge, and K = U R^-1 by |R^-1| times what U is off, plus |K R^-1| times what R is."""
    dictionary, K = CASES[case]
    found, ridge = shared(dictionary), dictionary.recipe.settings["ridge"]
    kept = np.unique(np.concatenate(dictionary.alpha))
    u, k, norm = np.finfo(float).eps / 2, 12, np.linalg.norm
    for j, (column, own) in enumerate(zip(dictionary.columns, found.alpha, strict=True)):
        np.testing.assert_array_equal(kept[own], column.alpha)
        if found.R is None:
            np.testing.assert_array_equal(found.kept[:, own], column.U)
            np.testing.assert_array_equal(column.U, K[:, column.alpha])
            continue
        R, inverse = found.R[j], K[np.ix_(column.alpha, column.alpha)] + ridge * np.eye(k)
        np.testing.assert_array_equal(R, R.T)
        off_U = 4 * k * (3 * k + 1) * u * column.condition * norm(column.U)
        off_R = (off_U + k * u) / ridge
        np.testing.assert_array_less(norm(R - np.linalg.inv(inverse)), 2 * off_R)  # inv itself is off too
        off_K = norm(inverse) * (off_U + norm(K[:, column.alpha]) * off_R)
        np.testing.assert_array_less(norm(found.kept[:, own] - K[:, column.alpha]), off_K)
        assert off_K < 1e-3 * norm(K[:, column.alpha])  # else the bound would allow anything
    assert (found.amplification == 1) == (found.residual == 0) == (found.R is None)
    assert found.residual < np.finfo("f4").eps / 2


def test_other_dictionaries_have_no_such_factors():
    assert shared(made("randcon", Units(30))) is None
    assert shared(made("emp", Units(30), data=DATA, ridge=0.0)) is None
    assert shared(made("emp", Units(30), data=DATA, unit_norm=True)) is None


def test_a_ridge_that_is_lost_beside_one_shows():
    """R keeps eight digits, and columns disagree on the eighth digit of K."""
    assert shared(made("emp", Units(30), data=DATA, ridge=1e-9)).residual > 1e-12
