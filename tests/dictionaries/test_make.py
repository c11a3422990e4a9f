"""The gate: how many weights are kept, and every message for what cannot be made."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pp_ref.dictionaries import KINDS, Frames, Grid, Units, make_dictionary
from pp_ref.dictionaries.index_sets import CHOICES
from pp_ref.dictionaries.settings import CHECKS
from pp_ref.errors import DomainError, ShapeError
from tests.refused import refuses

X = np.random.default_rng(0).random((20, 12))
GRID = Grid(3, 4)
RNG = np.random.default_rng(0)


def make(kind="se", space=GRID, rng=RNG, **settings):
    return make_dictionary(kind, space, rng=rng, **settings)


@given(d=st.integers(1, 60), proportion=st.floats(0, 1, exclude_min=True))
def test_the_share_kept_is_the_share_asked_for(d, proportion):
    (alpha,) = make("randcon", Units(d), proportion=proportion).alpha
    assert alpha.size == max(1, round(proportion * d))


@given(channels=st.integers(1, 5), proportion=st.floats(0, 1, exclude_min=True))
def test_tied_channels_round_by_site(channels, proportion):
    (alpha,) = make("se", Grid(3, 4, channels), proportion=proportion).alpha
    assert alpha.size == channels * max(1, round(proportion * 12))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_made_where_it_can_be(kind):
    if kind == "wavelet":
        pytest.importorskip("pywt")
    space = Grid(4, 4, 2)
    data = {"data": np.random.default_rng(1).random((50, 32))} if KINDS[kind].data else {}
    made = make(kind, space, proportion=1 if kind == "nokernel" else 0.25, n_columns=2, **data)
    for column in made.columns:
        k = 32 if kind == "nokernel" else 8
        assert column.U.shape == (32, k)
        assert column.alpha.shape == (k,)
        assert column.U.flags.c_contiguous
        assert column.U.dtype == np.float64
        assert column.alpha.dtype == np.int64
        assert np.isfinite(column.U).all()
        assert (np.diff(column.alpha) > 0).all()
        assert column.condition >= 1
        assert 1 <= column.rank <= k


def test_every_setting_has_a_check_and_every_check_a_setting():
    named = {name for entry in (*KINDS.values(), *CHOICES.values()) for name in entry.settings}
    assert named == set(CHECKS)


def test_explicit_indices_are_sorted_and_kept():
    made = make(alpha=[[7, 2, 5]])
    np.testing.assert_array_equal(made.alpha[0], [2, 5, 7])
    np.testing.assert_array_equal(make(alpha=[[7, 2, 5]], n_alpha=3).alpha[0], [2, 5, 7])


def test_own_arrays_are_taken_as_they_are():
    U = np.random.default_rng(0).standard_normal((12, 5))
    one = make("own", U=U, n_columns=2)
    np.testing.assert_array_equal(one.U()[1], U)
    assert one.columns[0].rank == 5
    assert one.columns[0].condition == pytest.approx(np.linalg.cond(U))
    assert make("own", U=np.zeros((12, 2))).columns[0].condition == np.inf


SETTINGS = [
    ("se", {"length_scale": 0}, "^length_scale is 0.0, expected a finite number > 0$"),
    ("se", {"length_scale": np.nan}, "^length_scale is nan, expected a finite number > 0$"),
    ("se", {"length_scale": "long"}, "^length_scale is 'long', expected a number$"),
    ("se", {"length_scale": True}, "^length_scale is True, expected a number$"),
    ("se", {"ridge": -1e-9}, "^ridge is -1e-09, expected a finite number >= 0$"),
    ("se", {"ridge": np.nan}, "^ridge is nan, expected a finite number >= 0$"),
    ("se", {"ridge": np.inf}, "^ridge is inf, expected a finite number >= 0$"),
    ("se", {"form": "dual"}, "^form is 'dual', expected one of ridge, atom$"),
    ("se", {"nu": 1.5}, "^nu is no setting of kind se, which takes length_scale, ridge, form$"),
    ("se", {"lenght_scale": 1.5}, "did you mean length_scale[?]$"),
    ("se", {"window": 0.5}, "^window is no setting of kind se"),
    (
        np.subtract.outer,
        {"along": 1},
        r"^along is no setting of kind callable, which takes ridge, form: a setting of your function goes into "
        r"functools\.partial\(function, along=\.\.\.\)$",
    ),
    (np.subtract.outer, {"rigde": 1}, r"^rigde is no setting .*: did you mean ridge\?$"),
    ("randcon", {"form": "atom"}, "^form is no setting of kind randcon, which takes none$"),
    ("matern", {"nu": 0}, r"^nu is 0.0, expected a number in \(0, 50\]: beyond that use kind se, its limit$"),
    ("matern", {"nu": 51}, "^nu is 51.0, expected"),
    ("se", {"alpha": "windowed", "window": 0}, r"^window is 0.0, expected a number in \(0, 1\]"),
    ("se", {"alpha": "windowed", "inside": 1.5}, r"^inside is 1.5, expected a number in \(0, 1\]"),
    (
        "se",
        {"alpha": "nicest"},
        "^alpha is 'nicest', expected one of uniform, windowed, .* for kind se, or index arrays$",
    ),
    ("randcon", {"alpha": "leverage"}, "^alpha is 'leverage', expected one of uniform, .* for kind randcon"),
    ("randfixu", {"alpha": "uniform"}, "^alpha is given, but kind randfixu has no larger set .*: omit it$"),
    ("randfixu", {"distribution": "cauchy"}, "^distribution is 'cauchy', expected one of gaussian, uniform$"),
    ("randfixu", {"scale": -1}, "^scale is -1.0, expected a finite number > 0$"),
    ("lowrank", {"irange": 0}, "^irange is 0.0, expected a finite number > 0$"),
    ("ae", {"data": X, "examples": 0}, "^examples is 0, expected an integer >= 1$"),
    ("ae", {"data": X, "atoms": 0}, "^atoms is 0, expected an integer >= 1$"),
    ("ae", {"data": X, "atoms": 2}, "^atoms is 2, but each column keeps 3 of them: expected at least 3$"),
    ("se", {"unit_norm": 1}, "^unit_norm is 1, expected True or False$"),
    ("se", {"alpha": "variance"}, r"^data is missing: alpha variance needs the layer's input, \(n, 12\)$"),
    ("ae", {"data": X, "iterations": 2.5}, "^iterations is 2.5, expected an integer >= 1$"),
    ("kmeans", {"data": X, "whitening": 0}, "^whitening is 0.0, expected a finite number > 0$"),
    ("wavelet", {"wavelet": 3}, "^wavelet is 3, expected a name$"),
    ("wavelet", {"level": 0}, "^level is 0, expected an integer >= 1$"),
    ("emp", {}, r"^data is missing: kind emp needs the layer's input, \(n, 12\)$"),
    ("se", {"data": X}, "^data is given, but kind se does not read any: omit it$"),
    (
        "emp",
        {"data": [[1, 2]]},
        r"^data is a list, expected an array of real numbers: use np.asarray\(data, dtype=np.float64\)$",
    ),
    ("emp", {"data": X + 0j}, "^data is an array of complex128, .* expected an array of real numbers: use"),
    ("emp", {"data": np.where(X[3, 4] == X, np.nan, X)}, r"^data has 1 entries that are NaN or infinite, .*\(3, 4\)"),
    ("so", {}, "^kind is 'so', expected one of se, matern, emp, emp2, .*, nokernel, own, or a covariance function$"),
    (7, {}, "^kind is 7, expected one of se"),
    (["se", "emp"], {}, r"^kind is \['se', 'emp'\], expected one of se, matern, "),
    ("own", {}, "^kind is 'own' and U is missing: kind own goes with U$"),
    ("se", {"U": X}, "^kind is 'se' and U is given: kind own goes with U$"),
    ("se", {"n_columns": 0}, "^n_columns is 0, expected an integer >= 1$"),
    ("se", {"n_columns": 1.0}, "^n_columns is 1.0, expected an integer$"),
    ("se", {"rng": 3}, "^rng is 3, expected a numpy.random.Generator, e.g. numpy.random.default_rng"),
    ("se", {"space": 12}, "^space is 12, expected a Grid, Frames or Units$"),
    ("se", {"space": Units(12)}, r"^kind se needs positions, but Units\(n=12\) has none: use a Grid or Frames"),
    ("dct", {"space": Units(12)}, "^kind dct needs positions"),
    ("emp", {"space": Units(12), "data": X, "alpha": "farthest"}, "^alpha farthest needs positions, but Units"),
    ("own", {"U": np.full((12, 3), np.inf)}, r"^U\[0\] has 36 entries that are NaN or infinite"),
]


SHAPES = [
    ("emp", {"data": X[:, 1:]}, r"^data has shape \(20, 11\), expected \(n, d\) with d = 12 for Grid"),
    ("emp", {"data": X[0]}, r"^data has shape \(12,\), expected \(n, d\)"),
    ("emp", {"data": X[:1]}, "^data has 1 rows, expected at least 2: a covariance divides by n - 1$"),
    ("se", {"alpha": [[1]], "n_columns": 2}, "^alpha has 1 index arrays, but n_columns is 2: expected one a column$"),
    ("se", {"alpha": [[1], [2, 3]], "n_columns": 2}, r"^alpha\[1\] has 2 indices but alpha\[0\] 1: expected the same$"),
    ("se", {"alpha": [[1.5]]}, r"^alpha\[0\] has shape \(1,\) and dtype float64, expected \(k,\) integers, k >= 1$"),
    ("se", {"alpha": [[]]}, r"^alpha\[0\] has shape \(0,\)"),
    ("own", {"U": np.ones(12)}, r"^U\[0\] has shape \(12,\), expected \(d, k\) with d = 12 and 1 <= k <= d"),
    ("own", {"U": np.ones((11, 3))}, r"^U\[0\] has shape \(11, 3\)"),
    ("own", {"U": np.ones((12, 0))}, r"^U\[0\] has shape \(12, 0\)"),
    ("own", {"U": np.ones((12, 13))}, r"^U\[0\] has shape \(12, 13\)"),
    ("own", {"U": [np.ones((12, 2))], "n_columns": 2}, "^U has 1 arrays, but n_columns is 2: expected one a column$"),
    (
        "own",
        {"U": [np.ones((12, 2)), np.ones((12, 3))], "n_columns": 2},
        r"^U\[1\] has shape \(12, 3\) but U\[0\] \(12, 2\): expected the same for every column$",
    ),
]
test_settings_that_are_refused = refuses(
    lambda kind, settings: make(kind, **({} if kind == "own" else {"n_alpha": 3}) | settings),
    {DomainError: SETTINGS, ShapeError: SHAPES},
)


COUNTS = [
    ({"proportion": 0}, r"^proportion is 0, expected a number in \(0, 1\]: 1 keeps everything$"),
    ({"proportion": 1.01}, "^proportion is 1.01, expected"),
    ({"proportion": np.nan}, "^proportion is nan, expected"),
    ({"proportion": 0.5, "n_alpha": 6}, "^proportion is 0.5 and n_alpha is 6: expected exactly one of them$"),
    ({}, "^neither proportion nor n_alpha is given: expected exactly one of them$"),
    ({"n_alpha": 0}, r"^n_alpha is 0, expected 1 to d = 12 for Grid\(height=3, width=4, channels=1\)$"),
    ({"n_alpha": 13}, "^n_alpha is 13, expected 1 to d = 12"),
    ({"n_alpha": 2.0}, "^n_alpha is 2.0, expected an integer$"),
    ({"n_alpha": 5, "space": Grid(2, 2, 3)}, "^n_alpha is 5, but alpha is tied across 3 channels: .* of 3, e.g. 6$"),
    ({"n_alpha": 4, "space": Frames(4, 3)}, "^n_alpha is 4, but alpha is tied across 3 channels"),
    ({"proportion": 0.5, "kind": "nokernel"}, "^proportion is 0.5, which keeps 6 of 12, .*: expected proportion 1$"),
    ({"n_alpha": 5, "kind": "nokernel"}, "^n_alpha is 5, which keeps 5 of 12, but 12 are kept here"),
    ({"n_alpha": 4, "alpha": [[1, 2]]}, "^n_alpha is 4, .* but 2 are kept here; omit both for kind se$"),
    ({"n_alpha": 4, "kind": "own", "U": np.ones((12, 2))}, "^n_alpha is 4, .* omit both for kind own$"),
    ({"alpha": [[1, 12]]}, r"^alpha\[0\] spans 1 to 12, expected indices in \[0, 12\)$"),
    ({"alpha": [[-1, 2]]}, r"^alpha\[0\] spans -1 to 2"),
    ({"alpha": [[1, 2], [3, 3]], "n_columns": 2}, r"^alpha\[1\] repeats an index, expected distinct ones$"),
]
test_counts_that_are_refused = refuses(lambda settings: make(**settings), {DomainError: COUNTS})


def test_a_missing_package_is_named(monkeypatch):
    def absent(module, extra):
        raise ImportError(f"{module} pp_ref[{extra}]")

    monkeypatch.setattr("pp_ref.dictionaries.bases.import_extra", absent)
    with pytest.raises(ImportError, match=re.escape("pywt pp_ref[features]")):
        make("wavelet", Grid(4, 4), n_alpha=2)


def test_an_explicit_choice_may_split_channels():
    made = make(space=Grid(2, 2, 3), alpha=[[0, 5]])
    assert made.columns[0].structure == "dense"
