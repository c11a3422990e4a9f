"""Encodings against their formulas, written out number by number."""

import numpy as np
import pytest

from pp_ref.errors import DomainError
from pp_ref.features import encode
from tests.refused import refuses

FORMULAS = {
    "absolute": lambda z, a: [abs(z)],
    "rectified": lambda z, a: [max(0, z)],
    "split": lambda z, a: [max(0, z), max(0, -z)],
    "soft": lambda z, a: [max(0, z - a), max(0, -z - a)],
}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("encoding", "threshold"), [("absolute", 0), ("rectified", 0), ("split", 0), ("soft", 0), ("soft", 0.5)]
)
def test_formulas(encoding, threshold, dtype):
    """z and a are multiples of 1/8, so z - a is exact."""
    z = np.random.default_rng(0).integers(-20, 20, (2, 3, 5)).astype(dtype) / 8
    before = z.copy()
    got = encode(z, encoding, threshold)
    parts = 1 if encoding in ("absolute", "rectified") else 2
    assert (got.shape, got.dtype) == ((2, 3, parts * 5), z.dtype)
    for n, i, m in np.ndindex(z.shape):
        want = FORMULAS[encoding](float(z[n, i, m]), threshold)
        assert [got[n, i, m + 5 * part] for part in range(parts)] == want
    np.testing.assert_array_equal(z, before)


def test_the_default_is_absolute():
    z = np.array([[-1.5, 2.0]])
    np.testing.assert_array_equal(encode(z), abs(z))


def test_the_two_signs_make_up_the_whole():
    z = np.random.default_rng(1).standard_normal((10, 4))
    positive, negative = np.split(encode(z, "split"), 2, axis=1)
    np.testing.assert_array_equal(positive - negative, z)
    np.testing.assert_array_equal(positive + negative, encode(z, "absolute"))


@pytest.mark.parametrize("encoding", FORMULAS)
def test_nan_is_not_hidden_and_no_rows_are_no_rows(encoding):
    assert np.isnan(encode(np.array([[np.nan, 1.0]]), encoding)[0, 0])
    assert len(encode(np.zeros((0, 3)), encoding)) == 0


REFUSED = [
    (np.zeros((1, 2)), "triangle", "^encoding is 'triangle', expected one of absolute, rectified, split, soft$"),
    (np.zeros((1, 2)), "soft", -0.1, "^threshold is -0.1, expected a finite number >= 0$"),
    (np.zeros((1, 2)), "soft", np.nan, "^threshold is nan, expected a finite number >= 0$"),
    (np.zeros((1, 2)), "split", 0.5, "^threshold is 0.5, but the encoding 'split' has none: take 'soft', or 0$"),
    (
        np.zeros((1, 2), int),
        r"^z is an array of int64, shape \(1, 2\), expected an array of float32 or float64: use np",
    ),
]
test_messages = refuses(encode, {DomainError: REFUSED})
