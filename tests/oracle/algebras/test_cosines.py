"""Cosines of a transform: exact values, and a bound that fast transforms and plain sums keep, and wrong ones do not."""

import numpy as np
import pytest
import scipy.fft

from pp_ref.oracle.algebras import balls, rounded, tape
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.algebras.cosines import cos_pi
from pp_ref.oracle.operations.speech import dct


def test_cosines_are_those_of_balls():
    p = np.arange(-40, 900, 7)
    exact = balls.enclosed(lambda: balls.ALGEBRA.cos_pi(p, 26))
    np.testing.assert_allclose(np.asarray(cos_pi(p, 26), float), exact.value, rtol=0, atol=2.0**-53)
    assert cos_pi(np.array(13), 26) == pytest.approx(0, abs=1e-18)


@pytest.mark.parametrize("name", ["float64", "float32"])
@pytest.mark.parametrize("m", [2, 26, 257])
def test_transforms_keep_the_bound(m, name):
    """Of one number in a row, the others zero, an entry may be as small as it likes, and the bound is not."""
    x = np.vstack([np.eye(m)[:: max(m // 5, 1)], np.random.default_rng(m).standard_normal((3, m))]).astype(name)
    bounds = dct(tape.quantity(x.astype(float), rounded.algebra(ARITHMETICS[name])), m - 1).data
    angles = np.outer(np.arange(m) + 0.5, np.arange(1, m)).astype(name) * x.dtype.type(np.pi) / x.dtype.type(m)
    plain = x @ np.cos(angles) * np.sqrt(x.dtype.type(2) / x.dtype.type(m))
    fast = scipy.fft.dct(x, norm="ortho")[:, 1:]
    assert fast.dtype == plain.dtype == x.dtype
    for found in (fast, plain):
        assert (abs(found - bounds.value) <= bounds.error).all()
    one_late = np.roll(fast, 1, axis=1)
    assert (abs(one_late - bounds.value) > bounds.error).any() or m == 2
