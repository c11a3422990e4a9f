"""The ridge dictionary against scikit-learn, its limits, its span, and the structures it claims."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from pp_ref.dictionaries import Frames, Grid, Units, make_dictionary
from pp_ref.dictionaries.covariances import covariance, se_covariance
from pp_ref.dictionaries.ridge import ridge_dictionary
from pp_ref.errors import DomainError, ShapeError
from tests.refused import refuses

EPS = np.finfo(np.float64).eps
GRID = Grid(6, 7)
X = np.random.default_rng(3).random((80, 42))


def solve_bound(k, condition):
    """Normwise relative error of a Cholesky solve: 4 k (3 k + 1) u cond (Higham, Accuracy and Stability, thm 10.4)."""
    return 4 * k * (3 * k + 1) * EPS / 2 * condition


@pytest.mark.parametrize("ridge", [1e-3, 0.1])
@pytest.mark.parametrize("kind", ["se", "matern", "emp", "emp2"])
def test_predictions_are_those_of_scikit_learn(kind, ridge):
    data = {"data": X} if kind.startswith("emp") else {}
    made = make_dictionary(kind, GRID, proportion=0.4, ridge=ridge, rng=np.random.default_rng(0), **data)
    (column,) = made.columns
    atoms = make_dictionary(kind, GRID, alpha=[column.alpha], form="atom", rng=np.random.default_rng(0), **data).U()[0]
    w = np.random.default_rng(1).standard_normal((column.alpha.size, 5))
    kernel_ridge = pytest.importorskip("sklearn.kernel_ridge")
    fit = kernel_ridge.KernelRidge(alpha=ridge, kernel="precomputed").fit(atoms[column.alpha], w)
    want = fit.predict(atoms)
    bound = 2 * solve_bound(column.alpha.size, column.condition) * np.linalg.norm(column.U, 2) * np.linalg.norm(w, 2)
    assert np.linalg.norm(column.U @ w - want, 2) <= bound
    assert abs(want).max() > 1e6 * bound  # the comparison says something


def test_se_dictionary_is_the_formula_by_loops():
    alpha = np.array([0, 9, 20, 41])
    made = make_dictionary("se", GRID, alpha=[alpha], length_scale=1.2, ridge=0.05, rng=np.random.default_rng(0))

    def k(i, j):
        (iy, ix), (jy, jx) = divmod(i, 7), divmod(j, 7)
        return np.exp(-((ix - jx) ** 2 + (iy - jy) ** 2) / (2 * 1.2**2))

    K_alpha = np.array([[k(i, j) + 0.05 * (i == j) for j in alpha] for i in alpha])
    k_alpha = np.array([[k(i, j) for j in range(42)] for i in alpha])
    want = k_alpha.T @ np.linalg.inv(K_alpha)
    condition = made.columns[0].condition
    np.testing.assert_allclose(made.U()[0], want, rtol=0, atol=solve_bound(4, condition))
    assert condition == pytest.approx(np.linalg.cond(K_alpha), rel=1e-12)
    assert made.columns[0].rank == 4


@pytest.mark.parametrize(("kind", "power"), [("emp", 1), ("emp2", 2)])
def test_emp_dictionaries_use_the_covariance_of_the_data(kind, power):
    made = make_dictionary(kind, GRID, n_alpha=11, rng=np.random.default_rng(0), data=X)
    (alpha,), C = made.alpha, np.cov((X**power).T)
    want = C[:, alpha] @ np.linalg.inv(C[np.ix_(alpha, alpha)] + 1e-3 * np.eye(11))
    scale = np.linalg.norm(want, 2)
    assert np.linalg.norm(made.U()[0] - want, 2) <= 2 * solve_bound(11, made.columns[0].condition) * scale


def test_kept_rows_tend_to_the_identity_as_the_ridge_vanishes():
    K = se_covariance(GRID.site_points(), GRID.site_points(), 1.0)
    alpha = np.arange(0, 42, 3)
    smallest = np.linalg.eigvalsh(K[np.ix_(alpha, alpha)])[0]
    for ridge in (1e-2, 1e-4, 1e-6, 0.0):
        U, condition, _ = ridge_dictionary(K, alpha, ridge)
        # U[alpha] - I = -ridge (K_alpha + ridge I)^-1
        bound = ridge / (smallest + ridge) * (1 + 1e-9) + solve_bound(alpha.size, condition)
        assert np.linalg.norm(U[alpha] - np.eye(alpha.size), 2) <= bound


@pytest.mark.parametrize("kind", ["se", "emp"])
def test_both_forms_span_the_same_space(kind):
    data = {"data": X} if kind == "emp" else {}
    ridge = make_dictionary(kind, GRID, n_alpha=10, rng=np.random.default_rng(0), **data)
    atom = make_dictionary(kind, GRID, n_alpha=10, rng=np.random.default_rng(0), form="atom", **data)
    np.testing.assert_array_equal(ridge.alpha[0], atom.alpha[0])
    assert not np.allclose(ridge.U()[0], atom.U()[0])
    # Angles are resolved to sqrt-free eps times the conditions of both bases.
    bound = solve_bound(10, ridge.columns[0].condition) * np.linalg.cond(atom.U()[0])
    assert subspace_angles(ridge.U()[0], atom.U()[0]).max() <= bound < 1e-6


def test_condition_and_rank_of_a_nearly_singular_covariance():
    ask = {"proportion": 0.5, "length_scale": 4.0}
    ridge = make_dictionary("se", Grid(20, 20), **ask, rng=np.random.default_rng(0)).columns[0]
    atom = make_dictionary("se", Grid(20, 20), **ask, form="atom", rng=np.random.default_rng(0)).columns[0]
    assert ridge.rank == atom.rank < 200
    assert ridge.condition <= 1 + 200 / 1e-3
    assert atom.condition > 1e15


SINGULAR = [
    (np.ones((4, 4)), np.arange(3), 0.0, r"^ridge is 0.0, but K_alpha \(3 x 3, numerical rank 1, .* raise it"),
    (-np.eye(4), np.arange(3), 0.5, r"ridge well above 1.0e\+00"),
    (np.zeros((4, 4)), np.arange(2), 0.0, "numerical rank 0"),
]
test_a_failed_factorisation_advises_on_the_ridge = refuses(ridge_dictionary, {DomainError: SINGULAR})


@pytest.mark.parametrize("form", ["ridge", "atom"])
@pytest.mark.parametrize("space", [Grid(4, 5, 3), Frames(6, 4)], ids=str)
def test_channel_tied_is_a_kronecker_product(space, form):
    made = make_dictionary("se", space, proportion=0.5, form=form, rng=np.random.default_rng(0))
    (column,), c = made.columns, space.channels
    sites = column.alpha[::c] // c
    alone = Grid(*space.sites) if len(space.sites) == 2 else Frames(*space.sites, 1)
    U_sites = make_dictionary("se", alone, alpha=[sites], form=form, rng=np.random.default_rng(0)).U()[0]
    assert column.structure == "channel-tied"
    np.testing.assert_array_equal(column.U, np.kron(U_sites, np.eye(c)))
    # The same from the whole covariance, zero between channels.
    untied = np.kron(se_covariance(alone.site_points(), alone.site_points(), 1.0), np.eye(c))
    whole, condition, rank = ridge_dictionary(untied, column.alpha, 1e-3, form)
    bound = solve_bound(column.alpha.size, condition) * np.linalg.norm(whole, 2)
    assert np.linalg.norm(whole - column.U, 2) <= bound
    assert (rank, pytest.approx(condition, rel=1e-9)) == (column.rank, column.condition)


def test_an_untied_alpha_still_joins_no_channels():
    alpha = np.array([0, 4, 5, 11])
    made = make_dictionary("se", Grid(2, 2, 3), alpha=[alpha], rng=np.random.default_rng(0))
    assert made.columns[0].structure == "dense"
    across = (np.arange(12) % 3)[:, None] != alpha % 3
    np.testing.assert_array_equal(made.U()[0][across], 0)
    assert (made.U()[0][~across] != 0).all()


def test_separable_is_a_product_of_two_axes():
    made = make_dictionary("se", Grid(12, 8), n_alpha=24, alpha="strided", form="atom", rng=np.random.default_rng(0))
    (column,) = made.columns
    assert column.structure == "separable"
    rows, columns = (np.unique(axis) for axis in np.unravel_index(column.alpha, (12, 8)))
    y, x = np.arange(12.0)[:, None], np.arange(8.0)[:, None]
    U_y, U_x = se_covariance(y, y[rows], 1.0), se_covariance(x, x[columns], 1.0)
    # exp(a + b) against exp(a) exp(b): exponents up to 85 carry two roundings each.
    np.testing.assert_allclose(column.U, np.kron(U_y, U_x), rtol=(4 * 85 + 3) * EPS, atol=0)


def test_separable_is_not_claimed_where_it_is_false():
    strided = {"n_alpha": 24, "alpha": "strided", "rng": np.random.default_rng(0)}
    assert make_dictionary("se", Grid(12, 8), **strided).columns[0].structure == "dense"  # the ridge spoils it
    assert make_dictionary("matern", Grid(12, 8), form="atom", **strided).columns[0].structure == "dense"
    assert make_dictionary("se", Grid(1, 96), form="atom", **strided).columns[0].structure == "dense"
    uneven = make_dictionary("se", Grid(12, 8), n_alpha=23, alpha="strided", form="atom", rng=np.random.default_rng(0))
    assert uneven.columns[0].structure == "dense"


def test_a_covariance_of_the_callers_own():
    def same_row(a, b):
        return (a[:, None, 0] == b[None, :, 0]) + 0.0

    made = make_dictionary(same_row, Grid(3, 4), proportion=0.5, ridge=0.1, rng=np.random.default_rng(0))
    K = same_row(Grid(3, 4).points(), Grid(3, 4).points())
    np.testing.assert_array_equal(made.U()[0], ridge_dictionary(K, made.alpha[0], 0.1)[0])
    assert made.recipe.kind == "callable"
    assert made.recipe.covariance.endswith("same_row")


def test_a_covariance_of_the_wrong_shape_value_or_symmetry():
    ask = {"n_alpha": 2, "rng": np.random.default_rng(0)}
    with pytest.raises(ShapeError, match=r"^covariance\(points, points\) has shape \(5,\), expected \(5, 5\)"):
        make_dictionary(lambda a, b: np.ones(5), Units(5), **ask)
    with pytest.raises(DomainError, match="has NaN or infinite entries, expected finite numbers"):
        make_dictionary(lambda a, b: np.full((5, 5), np.nan), Units(5), **ask)
    with pytest.raises(DomainError, match=r"is not symmetric, expected k\(i, j\) = k\(j, i\)"):
        make_dictionary(lambda a, b: np.triu(np.ones((5, 5))), Units(5), **ask)


def test_emp_of_float32_data_is_solved_in_float64():
    small = X.astype(np.float32)
    made = make_dictionary("emp", GRID, n_alpha=5, rng=np.random.default_rng(0), data=small)
    again = make_dictionary("emp", GRID, n_alpha=5, rng=np.random.default_rng(0), data=small.astype(np.float64))
    np.testing.assert_array_equal(made.U()[0], again.U()[0])
    assert covariance(small).dtype == np.float64
