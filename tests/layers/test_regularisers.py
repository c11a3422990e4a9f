"""Weight decay without 1/2, and the limit on column norms: exact values, the messages."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.regularisers import limit_column_norms, weight_decay_backward, weight_decay_forward


def test_penalty_has_no_half():
    W = np.array([[1.0, -2.0], [4.0, 0.0]])
    penalty, cache = weight_decay_forward(W, 0.25)
    assert penalty == 21 / 4
    np.testing.assert_array_equal(weight_decay_backward(1.0, cache), W / 2)
    np.testing.assert_array_equal(weight_decay_backward(2.0, cache), W)


@pytest.mark.parametrize("rate", [-1e-5, float("inf"), float("nan")])
def test_message_says_what_a_rate_is(rate):
    with pytest.raises(DomainError, match=rf"^rate is {rate}, expected a finite number >= 0$"):
        weight_decay_forward(np.ones((2, 2)), rate)


@pytest.mark.parametrize("dtype", ["f4", "f8", "g"])
def test_long_columns_are_scaled_and_others_keep_every_bit(dtype):
    W = np.array([[6.0, 0.1, 3.0, 0.0], [8.0, 0.2, 4.0, 0.0]], dtype)
    limited = limit_column_norms(W, 5.0)
    np.testing.assert_array_equal(limited[:, 0], [3, 4])
    np.testing.assert_array_equal(limited[:, 1:], W[:, 1:])  # the third has exactly the limit
    assert limited.dtype == W.dtype


def test_limit_holds_to_rounding_and_applying_it_twice_is_safe():
    W = np.random.default_rng(0).standard_normal((50, 9)) * 10
    limited = limit_column_norms(W, 1.9365)
    u = np.finfo(float).eps / 2
    assert (np.linalg.norm(limited, axis=0) <= 1.9365 * (1 + (50 + 4) * u)).all()
    np.testing.assert_allclose(limit_column_norms(limited, 1.9365), limited, rtol=(50 + 4) * u)


def test_no_rows_and_no_columns():
    assert limit_column_norms(np.zeros((0, 3)), 1.0).shape == (0, 3)
    assert limit_column_norms(np.zeros((3, 0)), 1.0).shape == (3, 0)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_message_says_what_a_limit_is(limit):
    with pytest.raises(DomainError, match=rf"^limit is {limit}, expected a finite number > 0$"):
        limit_column_norms(np.ones((2, 2)), limit)


def test_message_for_the_wrong_number_of_axes():
    with pytest.raises(ShapeError, match=r"^W has shape \(3,\), expected axes \(k, m\)$"):
        limit_column_norms(np.ones(3), 1.0)
