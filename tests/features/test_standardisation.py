"""Standardisation against its formula, in blocks of any size."""

import math

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.features import fit_standardisation, standardisation
from tests.bounds import assert_within
from tests.refused import refuses


def features(n=50, d=4, dtype="f8", seed=0):
    return (np.random.default_rng(seed).standard_normal((n, d)) * np.arange(1, d + 1) + 3).astype(dtype)


@pytest.mark.parametrize("block", [7, 1024])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("eps", [0.01, 2.0])
def test_the_formula(monkeypatch, block, dtype, eps):
    monkeypatch.setattr(standardisation, "BLOCK", block)
    x = features(dtype=dtype)
    n, u, rounding = len(x), 2.0**-53, np.finfo(dtype).eps / 2
    fitted = fit_standardisation(x, eps)
    y = fitted.transform(x)
    want, bound = np.zeros(x.shape), np.zeros(x.shape)
    for j, column in enumerate(x.astype(float).T):
        mean = math.fsum(column) / n
        q = math.fsum((value - mean) ** 2 for value in column)
        deviation = math.sqrt(q / (n - 1) + eps)
        off = (n + 2) * u * abs(column).max()  # error of the mean; q errs by n of its squares and (n + 8) u of itself
        relative = (n + 10) * u + n * off**2 / q
        want[:, j] = (column - mean) / deviation
        # Mean and deviation are rounded to the dtype, then come a difference and a quotient.
        bound[:, j] = (off + 1.01 * rounding * abs(mean)) / deviation
        bound[:, j] += (relative + 3.01 * rounding) * (abs(want[:, j]) + bound[:, j])
    assert_within(y, want, bound, "standardised")
    assert y.dtype == x.dtype


def test_two_values_exactly():
    fitted = fit_standardisation(np.array([[0.0, 5.0], [2.0, 5.0]]), eps=2.0)  # variances 2 and 0
    assert fitted.mean.tolist() == [1, 5]
    np.testing.assert_array_equal(fitted.transform(np.array([[3.0, 5.0]])), [[1.0, 0.0]])


def test_a_constant_column_becomes_zero():
    x = np.full((100, 1), 0.1)
    bound = 10 * 102 * 0.1 * 2.0**-53  # the mean's error over sqrt(eps)
    assert abs(fit_standardisation(x).transform(x)).max() <= bound


REFUSED = {
    DomainError: [
        (features(1), "^x has 1 rows, expected at least 2: a variance needs them$"),
        (features(), 0, "^eps is 0, expected a finite number > 0$"),
        (features(), np.nan, "^eps is nan, expected a finite number > 0$"),
        (features(dtype="i8"), "^x is an array of int64, .* expected an array of float32 or float64: use"),
        (np.array([[1.0], [np.nan]]), r"^x has 1 entries that are NaN .* first at \(1, 0\)"),
    ],
    ShapeError: [(features()[None], r"^x has shape \(1, 50, 4\), expected axes \(n, d\)$")],
}
test_fit_messages = refuses(fit_standardisation, REFUSED)


def test_transform_messages():
    fitted = fit_standardisation(features())
    with pytest.raises(ShapeError, match=r"^x has shape \(5, 3\), expected 4 columns, as in the fit$"):
        fitted.transform(features(5, 3))
    with pytest.raises(DomainError, match="^x is an array of int64"):
        fitted.transform(features(dtype="i8"))
