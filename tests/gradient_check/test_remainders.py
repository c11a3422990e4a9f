"""Noise, intercept and order, on remainders that are known."""

import numpy as np
import pytest

from pp_ref.gradient_check.remainders import intercept, noise_of, order_of

STEPS = list(2.0 ** np.arange(-30, 0))


@pytest.mark.parametrize("sigma", [1e-12, 1.0, 1e200])
def test_noise_is_found_under_a_smooth_trend(sigma):
    rng, at = np.random.default_rng(0), 1e-6 * np.arange(32)
    estimates = [noise_of(list(sigma * (np.sin(at) + rng.standard_normal(32)))) / sigma for _ in range(200)]
    assert min(estimates) > 0.4
    assert max(estimates) < 3


def test_no_noise_is_none():
    assert noise_of([5.0] * 32) == 0


@pytest.mark.parametrize("truth", [0.0, 1e-3, -7.0])
def test_the_intercept_is_within_its_uncertainty(truth):
    rng, h = np.random.default_rng(0), np.array(STEPS)
    for _ in range(200):
        y = truth + np.sin(3 * h) * h + 1e-10 * rng.standard_normal(h.size) / h  # h sin 3h has h^2, h^4, ..., h^16
        value, uncertainty, top = intercept(STEPS, list(y), 1e-10, (0, 2, 4))
        assert abs(value - truth) <= uncertainty
        assert uncertainty < 1e-6
        assert STEPS[top] < 0.5


def test_no_intercept_where_no_polynomial_fits():
    assert intercept(STEPS, [h**0.5 for h in STEPS], 1e-16, (0, 2, 4)) is None


def test_no_intercept_of_too_few_steps():
    assert intercept(STEPS[:8], [0.0] * 8, 1e-16, (0, 2, 4)) is None


@pytest.mark.parametrize("power", [1, 3])
def test_the_order_is_that_of_the_remainder(power):
    h = np.array(STEPS)
    noise = 1e-12 * np.random.default_rng(0).standard_normal(h.size)
    order, sd = order_of(h, (h**power + noise) / (2 * h), 1e-12)
    assert abs(order - power) < 4 * sd < 0.1


def test_no_order_below_the_noise():
    h = np.array(STEPS)
    assert np.isnan(order_of(h, 1e-14 / h, 1e-12)).all()
