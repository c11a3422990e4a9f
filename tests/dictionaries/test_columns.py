"""What a column records of itself: condition, rank, and how its indices are arranged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pp_ref.dictionaries import Frames, Grid, make_dictionary
from pp_ref.dictionaries.columns import Column, is_product, of_unit_norm, spectrum, tie, tied_sites

EPS = np.finfo(np.float64).eps


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1.0, 1e30])
def test_rank_and_condition_do_not_know_the_unit(scale):
    # k eps = 4 eps of the largest is the cut: 3 eps is rounding, 5 eps is not.
    assert spectrum(scale * np.array([3 * EPS, 5 * EPS, 0.5, 1.0]), 4)[1] == 3
    assert spectrum(scale * np.array([0.25, 0.5, 1.0]), 3, ridge=scale)[0] == pytest.approx(2 / 1.25, rel=4 * EPS)


def test_a_spectrum_that_reaches_zero():
    assert spectrum(np.array([-1e-17, 1.0]), 2) == (np.inf, 1)
    assert spectrum(np.zeros(3), 3) == (np.inf, 0)
    assert spectrum(np.zeros(3), 3, ridge=0.1) == (1.0, 0)


@given(sites=st.sets(st.integers(0, 20), min_size=1), channels=st.integers(1, 4))
def test_tied_indices_untie(sites, channels):
    chosen = np.array(sorted(sites))
    alpha = tie(chosen, channels)
    assert (np.diff(alpha) > 0).all()
    np.testing.assert_array_equal(tied_sites(alpha, channels), chosen)
    if channels > 1:
        assert tied_sites(alpha[1:], channels) is None


def test_product_sets():
    assert is_product(Grid(3, 4), np.array([1, 3, 9, 11]))
    assert not is_product(Grid(3, 4), np.array([1, 3, 9, 10]))
    assert not is_product(Grid(3, 4, 2), np.arange(24))
    assert not is_product(Grid(1, 4), np.array([0, 2]))
    assert not is_product(Frames(4, 1), np.array([0, 2]))


DATA = np.random.default_rng(2).random((40, 12)) * np.r_[0.0, np.ones(11)]  # the first pixel never varies
ASKED = {
    "se": {},
    "se of channels": {"space": Grid(2, 2, 3)},
    "matern": {},
    "emp": {"data": DATA},
    "ae": {"data": DATA, "iterations": 3},
    "randcon": {},
    "randfixu": {},
    "dct": {},
}


@pytest.mark.parametrize("name", ASKED)
def test_atoms_of_unit_norm_have_the_same_directions(name):
    settings = {"space": Grid(3, 4), "n_alpha": 3, "n_columns": 2} | ASKED[name]
    kind = name.split()[0]
    plain, unit = (
        make_dictionary(kind, rng=np.random.default_rng(0), unit_norm=on, **settings) for on in (False, True)
    )
    assert unit.recipe.settings == plain.recipe.settings | {"unit_norm": True}
    for before, after in zip(plain.columns, unit.columns, strict=True):
        assert (after.structure, after.condition, after.rank) == (before.structure, before.condition, before.rank)
        norms = np.linalg.norm(before.U, axis=0)
        # A norm of d squares carries d + 2 roundings of half an eps; the division adds one.
        np.testing.assert_allclose(np.linalg.norm(after.U, axis=0)[norms > 0], 1, rtol=0, atol=15 * EPS)
        np.testing.assert_allclose(after.U * norms, before.U, rtol=16 * EPS, atol=0)


def test_an_atom_of_zeros_stays():
    column = Column(np.array([0, 1]), np.array([[0.0, 3.0], [0.0, 4.0]]), "dense", np.inf, 1)
    np.testing.assert_array_equal(of_unit_norm(column, 1).U, [[0, 0.6], [0, 0.8]])


def test_tied_channels_stay_exact_copies():
    made = make_dictionary("se", Grid(3, 3, 3), n_alpha=6, unit_norm=True, rng=np.random.default_rng(0))
    (U,) = made.U()
    np.testing.assert_array_equal(U, np.kron(U[::3, ::3], np.eye(3)))
