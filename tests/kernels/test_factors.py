"""The factors K[:, alpha] R equal the dictionary's U, and the taps are cut no shorter than rounding allows."""

import numpy as np
import pytest

from pp_ref.dictionaries import Frames, Grid, Units, make_dictionary
from pp_ref.kernels.factors import CUT, cut_taps, separable
from tests.bounds import assert_within
from tests.dictionaries.test_ridge import solve_bound

EPS = np.finfo(np.float64).eps
CASES = {
    "grid": (Grid(9, 6), {"proportion": 0.4, "n_columns": 2}),
    "grid, atoms": (Grid(6, 9), {"proportion": 0.4, "n_columns": 2, "form": "atom"}),
    "channels": (Grid(4, 5, 3), {"proportion": 0.4, "length_scale": 1.5}),
    "channels apart": (Grid(4, 5, 2), {"alpha": [np.array([0, 3, 4, 11, 38])]}),
    "frames": (Frames(11, 3), {"proportion": 0.5, "length_scale": 2.0, "ridge": 0.1}),
    "one row": (Grid(1, 9), {"proportion": 0.5}),
    "one pixel": (Grid(1, 1), {"proportion": 1.0}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_factors_make_the_same_dictionary(case):
    space, settings = CASES[case]
    dictionary = make_dictionary("se", space, rng=np.random.default_rng(0), **settings)
    factors = separable(dictionary)
    K = factors.K()
    for j, column in enumerate(dictionary.columns):
        np.testing.assert_array_equal(factors.alpha[j], column.alpha)
        if factors.R is None:
            # exp of a sum for the product of two: 4 roundings, of the exponents' size at most
            assert_within(K[:, column.alpha], column.U, 8 * EPS * column.U * -np.log(column.U + 1e-300), "U")
            continue
        R = factors.R[j]
        np.testing.assert_array_equal(R, R.T)
        bound = 2 * solve_bound(column.alpha.size, column.condition) * np.linalg.norm(column.U, 2)
        assert np.linalg.norm(K[:, column.alpha] @ R - column.U, 2) <= bound
        assert np.linalg.norm(column.U, 2) > 1e6 * bound  # else the bound would allow anything
    assert factors.amplification >= 1


@pytest.mark.parametrize("form", ["atom", "ridge"])
def test_a_dictionary_from_a_file_has_the_same_factors(form, tmp_path):
    dictionary = make_dictionary("se", Grid(4, 4), n_alpha=5, form=form, rng=np.random.default_rng(0))
    dictionary.save(tmp_path / "dictionary")
    before, after = separable(dictionary), separable(type(dictionary).load(tmp_path / "dictionary"))
    assert after.sizes == before.sizes
    np.testing.assert_array_equal(after.K(), before.K())
    assert (before.R is None) == (form == "atom")
    if before.R is not None:
        np.testing.assert_array_equal(after.R[0], before.R[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length_scale", [0.1, 0.5, 1.0, 2.0, 4.0])
def test_taps_are_cut_where_the_rest_is_below_rounding(length_scale, dtype):
    taps = np.exp(-0.5 * np.arange(40) ** 2 / length_scale**2)
    cut = cut_taps(taps, dtype)
    assert cut.dtype == dtype
    np.testing.assert_array_equal(cut, taps[: cut.size].astype(dtype))
    allowed = CUT * np.finfo(dtype).eps / 2
    assert 2 * taps[cut.size :].sum() <= allowed
    if cut.size > 1:
        assert 2 * taps[cut.size - 1 :].sum() > allowed  # no more than needed
    assert (cut >= np.finfo(dtype).tiny).all()


def test_taps_at_the_papers_length_scale():
    taps = np.exp(-0.5 * np.arange(28.0) ** 2)
    assert [cut_taps(taps, dtype).size for dtype in ("f4", "f8")] == [7, 9]
    factors = separable(make_dictionary("se", Grid(28, 28), n_alpha=1, form="atom", rng=np.random.default_rng(0)))
    np.testing.assert_array_equal(factors.taps[0], taps)
    # If |v| <= 1, two passes without the rest are off by less than twice u / 4 times the sum of a pass's taps.
    left_out = abs(factors.K() - factors.K("f4")).sum(axis=0)
    casts = 2 * np.finfo("f4").eps / 2 * factors.K().sum(axis=0)
    assert (left_out <= 2 * CUT * np.finfo("f4").eps / 2 * (1 + 2 * taps[1:].sum()) + casts).all()


def test_amplification():
    """Of white inputs none, at a length scale at which neighbours agree a lot: what the module's docstring says."""

    def of(**settings):
        return separable(make_dictionary("se", Grid(28, 28), rng=np.random.default_rng(0), **settings)).amplification

    assert of(proportion=0.25, form="atom") == 1
    assert of(proportion=0.1, length_scale=0.1) < 1 + 1e-12
    assert 50 < of(proportion=0.5) < 200
    assert 3e4 < of(proportion=0.5, length_scale=4.0) < 2e5


def test_dictionaries_without_such_factors():
    rng = np.random.default_rng(0)
    assert separable(make_dictionary("matern", Grid(3, 4), n_alpha=3, rng=rng)) is None
    assert separable(make_dictionary("randcon", Grid(3, 4), n_alpha=3, rng=rng)) is None
    assert separable(make_dictionary("randcon", Units(5), n_alpha=3, rng=rng)) is None
    assert separable(make_dictionary("se", Grid(3, 4), n_alpha=3, unit_norm=True, rng=rng)) is None
