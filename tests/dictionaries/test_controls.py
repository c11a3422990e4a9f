"""Dictionaries that know nothing of the weights."""

import numpy as np
import pytest

from pp_ref.dictionaries import Frames, Grid, Units, make_dictionary

EPS = np.finfo(np.float64).eps


@pytest.mark.parametrize("space", [Grid(4, 5, 2), Frames(3, 7), Units(11)], ids=str)
def test_randcon_gathers(space):
    made = make_dictionary("randcon", space, proportion=0.3, n_columns=3, rng=np.random.default_rng(0))
    v = np.random.default_rng(1).standard_normal((2, space.size))
    for column in made.columns:
        assert (column.structure, column.condition, column.rank) == ("gather", 1.0, column.alpha.size)
        np.testing.assert_array_equal(column.U, np.eye(space.size)[:, column.alpha])
        np.testing.assert_array_equal(v @ column.U, v[:, column.alpha])
    assert made.static_count == 3 * max(1, round(0.3 * space.size))
    assert not np.array_equal(made.alpha[0], made.alpha[1])


def test_nokernel_is_the_identity():
    made = make_dictionary("nokernel", Units(9), proportion=1, n_columns=2, rng=np.random.default_rng(0))
    for U, alpha in zip(made.U(), made.alpha, strict=True):
        np.testing.assert_array_equal(U, np.eye(9))
        np.testing.assert_array_equal(alpha, np.arange(9))
    assert {column.structure for column in made.columns} == {"gather"}
    assert made.static_count == 0


@pytest.mark.parametrize(
    ("settings", "spread", "reach"),
    [
        ({}, 400**-0.5, np.inf),
        ({"scale": 2.0}, 2.0, np.inf),
        ({"distribution": "uniform"}, 0.1 / np.sqrt(3), 0.1),
        ({"distribution": "uniform", "scale": 3.0}, np.sqrt(3), 3.0),
    ],
    ids=str,
)
def test_randfixu_has_the_spread_asked_for(settings, spread, reach):
    made = make_dictionary("randfixu", Units(400), n_alpha=100, rng=np.random.default_rng(0), **settings)
    (U,) = made.U()
    # 40,000 draws: standard error spread / 200 of the mean, at most spread / 280 of the deviation; five of each.
    assert abs(U.mean()) < 5 * spread / 200
    assert abs(U.std() - spread) < 5 * spread / 280
    assert abs(U).max() <= reach
    assert not made.dynamic
    assert made.static_count == 40_000
    values = np.linalg.svd(U, compute_uv=False)
    assert made.columns[0].condition == pytest.approx(values[0] / values[-1], rel=100 * EPS * values[0] / values[-1])


def test_lowrank_is_a_start_and_says_so():
    made = make_dictionary("lowrank", Units(300), n_alpha=50, irange=0.02, rng=np.random.default_rng(0))
    assert made.dynamic
    assert made.static_count == 0
    assert made.n_columns == 1
    (U,) = made.U()
    assert abs(U).max() <= 0.02
    assert abs(U.std() - 0.02 / np.sqrt(3)) < 5 * 0.02 / np.sqrt(3 * 2 * U.size)


def test_lowrank_does_not_let_two_columns_share_a_start():
    first, second = make_dictionary("lowrank", Units(8), n_alpha=3, n_columns=2, rng=np.random.default_rng(0)).U()
    assert not np.array_equal(first, second)
