"""What each arithmetic stores."""

import numpy as np
import pytest

from pp_ref.errors import DomainError
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS, arithmetic

NATIVE = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


@pytest.mark.parametrize("name", NATIVE)
def test_rounding_is_that_of_numpy(name):
    """Halfway cases go to even, and so do subnormals."""
    a = ARITHMETICS[name]
    rng = np.random.default_rng(0)
    x = rng.standard_normal(2000) * 2.0 ** rng.integers(-8, 8, 2000)
    halfway = 1 + (2 * np.arange(64) + 1) * 2.0**-a.bits
    for values in (x, halfway, -halfway):
        stored = values.astype(NATIVE[name]).astype(float)
        np.testing.assert_array_equal(a.representable(values), stored)


def test_bfloat16_is_the_upper_half_of_float32():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.random.default_rng(0).standard_normal(1000)
    wanted = x.astype(np.float32).astype(ml_dtypes.bfloat16).astype(float)
    single = ARITHMETICS["float32"].representable(x)
    np.testing.assert_array_equal(ARITHMETICS["bfloat16"].representable(single), wanted)


@pytest.mark.parametrize("a", ARITHMETICS.values(), ids=lambda each: each.name)
def test_what_is_stored_stays(a):
    kept = np.array([0.0, -1.0, a.tiny, -a.largest, np.inf, -np.inf, np.nan, 1 + 2 * a.unit])
    np.testing.assert_array_equal(a.representable(kept), kept)
    np.testing.assert_array_equal(
        a.representable(a.tiny * np.array([0.5, 1.5 * a.unit])), a.tiny * np.array([0.5, 2 * a.unit])
    )
    assert a.representable(np.array(1 + a.unit)) == 1


@pytest.mark.parametrize("name", NATIVE)
def test_numbers_are_those_of_the_format(name):
    info, a = np.finfo(NATIVE[name]), ARITHMETICS[name]
    assert (a.unit, a.tiny, a.largest) == (float(info.eps) / 2, float(info.tiny), float(info.max))


def test_an_unknown_arithmetic():
    with pytest.raises(
        DomainError, match="^arithmetic is 'fp8', expected one of float64, float32, tf32, bfloat16, float16$"
    ):
        arithmetic("fp8")
