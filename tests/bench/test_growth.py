"""Exponents of time and of flops."""

import numpy as np
import pytest

from pp_ref.bench.growth import exponent


def test_an_exponent_and_its_interval():
    sizes = np.array([16.0, 24, 32, 48, 64, 96])
    assert exponent(sizes, 3e-9 * sizes**2.5) == pytest.approx((2.5, 2.5, 2.5))
    rng = np.random.default_rng(0)
    draws = [exponent(sizes, sizes**2 * np.exp(0.1 * rng.standard_normal(6))) for _ in range(1000)]
    held = np.mean([low <= 2 <= high for _, low, high in draws])
    assert abs(held - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 1000)  # four standard deviations of a binomial share
