"""Index sets: each is sorted, distinct and in range, and does what its equation says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pp_ref.dictionaries import Grid, Units, make_dictionary
from pp_ref.dictionaries.covariances import se_covariance
from pp_ref.dictionaries.index_sets import (
    CHOICES,
    bands,
    cholesky,
    farthest,
    interleaved,
    leading,
    leverage,
    ridge_leverage,
    strided,
    uniform,
    windowed,
)
from pp_ref.dictionaries.kinds import KINDS

EPS = np.finfo(np.float64).eps
POINTS = Grid(7, 7).site_points()
K = se_covariance(POINTS, POINTS, 1.0)


def _proper(alpha, size, count):
    assert alpha.dtype == np.int64
    assert alpha.shape == (count,)
    assert (np.diff(alpha) > 0).all()
    assert alpha[0] >= 0
    assert alpha[-1] < size


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_every_choice_is_sorted_distinct_in_range(data):
    grid = Grid(*(data.draw(st.integers(1, 6), label=axis) for axis in ("height", "width", "channels")))
    choice = data.draw(st.sampled_from(sorted(CHOICES)))
    kind = "dct" if CHOICES[choice].needs == "order" else "se"
    count = data.draw(st.integers(1, grid.height * grid.width)) * grid.channels
    n_columns, seed = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 9))
    read = {"data": np.random.default_rng(seed).random((5, grid.size))} if CHOICES[choice].needs == "data" else {}
    made = make_dictionary(
        kind, grid, n_alpha=count, n_columns=n_columns, alpha=choice, rng=np.random.default_rng(seed), **read
    )
    assert made.n_columns == n_columns
    for alpha in made.alpha:
        _proper(alpha, grid.size, count)
        if kind == "se":
            np.testing.assert_array_equal(np.unique(alpha // grid.channels, return_counts=True)[1], grid.channels)


def test_the_table_lists_no_choice_twice_and_every_kind_finds_its_own():
    assert {choice for kind in KINDS.values() for choice in kind.choices} == set(CHOICES)


def test_uniform_is_uniform():
    rng = np.random.default_rng(0)
    hits = sum(np.bincount(uniform(10, 3, rng), minlength=10) for _ in range(2000))
    # 600 expected each, standard deviation sqrt(2000 * .3 * .7) = 20.5; five of them.
    assert abs(hits - 600).max() < 5 * 20.5


@pytest.mark.parametrize("count", range(1, 37))
def test_bands_sum_to_the_count_and_fit(count):
    layout = bands((4, 9), count)
    assert sum(layout) == count
    assert max(layout) <= 9
    assert len(layout) <= 4
    assert max(layout) - min(layout) <= 1


def test_strided_is_a_product_set_where_it_can_be():
    rows, columns = np.unravel_index(strided((28, 28), 196), (28, 28))
    np.testing.assert_array_equal(np.unique(rows), np.arange(1, 28, 2))
    np.testing.assert_array_equal(np.unique(columns), np.arange(1, 28, 2))
    assert bands((28, 28), 39) == [6, 7, 6, 7, 6, 7]


def test_strided_columns_interleave():
    first, second = strided((28, 28), 49, 0), strided((28, 28), 49, 1)
    assert not np.intersect1d(first, second).size


def test_windowed_is_dense_inside_and_sparse_outside():
    points = Grid(20, 20).site_points()
    alpha = windowed(points, 80, centre=63, window=0.1, inside=0.5, rng=np.random.default_rng(0))
    near = np.argsort(((points - points[63]) ** 2).sum(1), kind="stable")[:40]
    assert np.isin(alpha, near).sum() == 40  # all of the window's 40 sites, of the 80 kept
    assert np.isin(alpha, near, invert=True).sum() == 40


def test_windows_differ_by_column():
    made = make_dictionary(
        "se", Grid(20, 20), proportion=0.1, n_columns=4, alpha="windowed", inside=1.0, rng=np.random.default_rng(0)
    )
    middles = [Grid(20, 20).site_points()[alpha].mean(0) for alpha in made.alpha]
    # Four windows of 80 sites have radius 5; their centres tile 20 x 20 in quarters, 10 apart.
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(middles) for b in middles[:i]]
    assert min(gaps) > 5


def test_farthest_point_covers_within_twice_the_best():
    alpha = farthest(POINTS, 9, start=24)
    gaps = np.linalg.norm(POINTS[:, None] - POINTS[alpha], axis=-1)
    # Nine discs of radius sqrt(2) * 7/6 can cover the square [0, 6]^2: a bound on the best from above.
    assert gaps.min(1).max() <= 2 * np.sqrt(2) * 7 / 6
    corner = farthest(POINTS, 2, start=0)
    np.testing.assert_array_equal(corner, [0, 48])


def test_farthest_point_keeps_everything_even_where_points_coincide():
    np.testing.assert_array_equal(farthest(np.zeros((5, 2)), 5, start=3), np.arange(5))


@pytest.mark.parametrize("smooth", [True, False], ids=["se", "random covariance"])
def test_cholesky_takes_the_largest_posterior_variance_each_time(smooth):
    C = K if smooth else np.cov(np.random.default_rng(4).standard_normal((49, 80)))
    kept = [int(C.diagonal().argmax())]
    for count in range(2, 12):
        gain = C[:, kept] @ np.linalg.solve(C[np.ix_(kept, kept)], C[kept])
        variance = (C - gain).diagonal().copy()
        variance[kept] = -1
        alpha = cholesky(C, count, np.random.default_rng(0))
        new = set(alpha.tolist()) - set(kept)
        assert len(new) == 1
        assert set(kept) < set(alpha.tolist())
        # Symmetric points tie; whichever is taken is worth as much as the best, to rounding.
        assert variance[next(iter(new))] >= variance.max() - 1e3 * EPS
        kept.append(new.pop())


def test_cholesky_at_the_end_of_the_rank_completes_with_a_draw():
    basis = np.random.default_rng(0).standard_normal((12, 3))
    alpha = cholesky(basis @ basis.T, 8, np.random.default_rng(1))
    _proper(alpha, 12, 8)
    three = cholesky(basis @ basis.T, 3, np.random.default_rng(1))
    assert np.linalg.matrix_rank(basis[three]) == 3
    assert set(three) <= set(alpha)
    assert not np.array_equal(alpha, cholesky(basis @ basis.T, 8, np.random.default_rng(2)))


def test_cholesky_of_nothing_is_a_draw():
    _proper(cholesky(np.zeros((6, 6)), 4, np.random.default_rng(0)), 6, 4)


def test_cholesky_from_a_start_keeps_it():
    assert 17 in cholesky(K, 5, np.random.default_rng(0), start=17)


@pytest.mark.parametrize("ridge", [1e-3, 0.1, 10.0])
def test_leverage_scores_are_the_hat_matrix_diagonal(ridge):
    want = (K @ np.linalg.inv(K + ridge * np.eye(49))).diagonal()
    # inv and eigh are both good to about d eps cond.
    np.testing.assert_allclose(ridge_leverage(K, ridge), want, rtol=0, atol=49 * EPS * (7 + ridge) / ridge)


def test_leverage_scores_without_ridge():
    np.testing.assert_allclose(ridge_leverage(K, 0.0), 1, rtol=0, atol=49 * EPS)
    np.testing.assert_array_equal(ridge_leverage(np.zeros((3, 3)), 0.0), 0)


def test_leverage_draws_in_proportion_and_dead_weights_last():
    variances = np.diag([0.0, 1.0, 3.0, 0.0])
    rng = np.random.default_rng(0)
    scores = ridge_leverage(variances, 1.0)
    np.testing.assert_allclose(scores, [0, 0.5, 0.75, 0], rtol=4 * EPS)
    third = sum(int(leverage(variances, 1, 1.0, rng)[0] == 2) for _ in range(2000))
    assert abs(third - 1200) < 5 * np.sqrt(2000 * 0.6 * 0.4)
    for _ in range(20):
        alpha = leverage(variances, 3, 1.0, rng)
        assert {1, 2} < set(alpha.tolist())


def test_variance_keeps_what_varies_and_the_rest_last():
    """Variances 0, 1, 9 and 0: the first of one index is the third with probability 9 / 10."""
    rng = np.random.default_rng(0)
    data = np.array([[5.0, -1.0, -3.0, 2.0], [5.0, 1.0, 3.0, 2.0]] * 50)

    def drawn(count):
        made = make_dictionary("randcon", Units(4), n_alpha=count, alpha="variance", data=data, rng=rng)
        return made.alpha[0].tolist()

    third = sum(drawn(1) == [2] for _ in range(500))
    assert abs(third - 450) < 5 * np.sqrt(500 * 0.9 * 0.1)
    for _ in range(20):
        assert {1, 2} < set(drawn(3))
    assert drawn(4) == [0, 1, 2, 3]


def test_the_variance_of_a_site_is_that_of_all_its_channels():
    """Only the second of two channels varies, at the third of four sites."""
    data = np.zeros((10, 8))
    data[::2, 2 * 2 + 1] = 1
    for seed in range(20):
        rng = np.random.default_rng(seed)
        made = make_dictionary("se", Grid(2, 2, 2), n_alpha=4, alpha="variance", data=data, rng=rng)
        assert {4, 5} < set(made.alpha[0].tolist())


def test_variance_where_nothing_varies_is_a_draw():
    rng = np.random.default_rng(0)
    made = make_dictionary("randcon", Units(6), n_alpha=4, alpha="variance", data=np.ones((5, 6)), rng=rng)
    _proper(made.alpha[0], 6, 4)


def test_leading_and_interleaved():
    order = np.array([4, 2, 0, 1, 3, 5])
    np.testing.assert_array_equal(leading(order, 3), [0, 2, 4])
    np.testing.assert_array_equal(interleaved(order, 3, 0, 1), leading(order, 3))
    np.testing.assert_array_equal(interleaved(order, 2, 0, 2), [0, 4])  # ranks 0 and 2
    np.testing.assert_array_equal(interleaved(order, 2, 1, 2), [1, 2])  # ranks 1 and 3
    np.testing.assert_array_equal(interleaved(order, 4, 2, 3), [0, 2, 3, 5])  # ranks 1, 2, 4, 5 of floor((i + 2/3) 3/2)


@given(d=st.integers(1, 40), n_columns=st.integers(1, 12), data=st.data())
def test_interleaved_columns_deal_out_the_leading_elements(d, n_columns, data):
    count = data.draw(st.integers(1, d))
    kept = [interleaved(np.arange(d), count, j, n_columns) for j in range(n_columns)]
    for alpha in kept:
        _proper(alpha, d, count)
    np.testing.assert_array_equal(np.unique(np.concatenate(kept)), np.arange(min(d, n_columns * count)))
