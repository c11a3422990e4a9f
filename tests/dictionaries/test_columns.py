"""What a column records of itself: condition, rank, and how its indices are arranged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pp_ref.dictionaries import Frames, Grid
from pp_ref.dictionaries.columns import is_product, spectrum, tie, tied_sites

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
