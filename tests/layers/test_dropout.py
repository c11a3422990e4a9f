"""Dropout: E[y] = v, one mask for both passes, the messages."""

import numpy as np
import pytest

from pp_ref.errors import DomainError
from pp_ref.layers.dropout import dropout_backward, dropout_forward


def test_backward_uses_the_mask_of_forward():
    v = np.ones((50, 40))
    y, cache = dropout_forward(v, 0.5, np.random.default_rng(0))
    assert set(np.unique(y)) == {0.0, 2.0}
    np.testing.assert_array_equal(dropout_backward(v, cache), y)
    np.testing.assert_array_equal(dropout_backward(4 * v, cache), 4 * y)


def test_kept_values_make_up_for_dropped_ones():
    n, rate = 100_000, 0.3
    y, _ = dropout_forward(np.ones(n), rate, np.random.default_rng(1))
    # The mean of n independent values of variance rate / (1 - rate): six standard deviations fail once in 5e8 seeds.
    assert abs(y.mean() - 1) <= 6 * np.sqrt(rate / (1 - rate) / n)
    assert abs((y == 0).mean() - rate) <= 6 * np.sqrt(rate * (1 - rate) / n)


def test_same_seed_same_mask_in_every_dtype():
    masks = [dropout_forward(np.ones((6, 5), t), 0.4, np.random.default_rng(2))[0] == 0 for t in ("f4", "f8", "g")]
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])


def test_masks_are_drawn_anew():
    rng, v = np.random.default_rng(3), np.ones((20, 20))
    assert not np.array_equal(dropout_forward(v, 0.5, rng)[0], dropout_forward(v, 0.5, rng)[0])


def test_rate_zero_changes_no_bit():
    v = np.random.default_rng(4).random((5, 3))
    np.testing.assert_array_equal(dropout_forward(v, 0.0, np.random.default_rng(0))[0], v)


def test_no_entries():
    y, cache = dropout_forward(np.zeros((0, 3)), 0.5, np.random.default_rng(0))
    assert dropout_backward(y, cache).shape == (0, 3)


@pytest.mark.parametrize("rate", [1.0, -0.1, float("nan")])
def test_message_says_what_a_rate_is(rate):
    message = rf"^rate is {rate}, expected a number in \[0, 1\): 0 switches it off$"
    with pytest.raises(DomainError, match=message):
        dropout_forward(np.ones(3), rate, np.random.default_rng(0))
