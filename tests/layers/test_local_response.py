"""Local response normalisation: which channels, which alpha, the messages."""

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.layers.local_response import local_response_backward, local_response_forward


def pixel(*channels):
    return np.array(channels, float).reshape(1, 1, 1, -1)


@pytest.mark.parametrize(
    ("size", "sums"),
    [
        (1, [1, 4, 16, 64]),
        (2, [1, 5, 20, 80]),  # an even size takes one more channel below than above
        (3, [5, 21, 84, 80]),
        (4, [5, 21, 85, 84]),
        (5, [21, 85, 85, 84]),
        (9, [85, 85, 85, 85]),
    ],
)
def test_bits_spell_the_channels_in_each_sum(size, sums):
    _, cache = local_response_forward(pixel(1, 2, 4, 8), size, size, 1.0, 128.0)
    np.testing.assert_array_equal(cache.base.ravel(), 128 + np.array(sums))


def test_alpha_is_divided_by_size():
    y, _ = local_response_forward(pixel(1, 1, 1), 3, 0.75, 1.0, 1.5)
    np.testing.assert_array_equal(y, 1 / pixel(2.0, 2.25, 2.0))


def test_alpha_or_beta_of_zero_only_scale():
    v = pixel(1, -2, 3)
    np.testing.assert_array_equal(local_response_forward(v, 3, 0.0, 2.0, 2.0)[0], v / 4)
    y, cache = local_response_forward(v, 3, 1.0, 0.0, 2.0)
    np.testing.assert_array_equal(y, v)
    np.testing.assert_array_equal(local_response_backward(v, cache), v)


def test_gradient_by_hand():
    """y_0 = v_0 / (k + v_0^2 + v_1^2) at v = (1, 1), k = 2: 1/4 - 2/16 along v_0 and -2/16 along v_1."""
    _, cache = local_response_forward(pixel(1, 1), 3, 3.0, 1.0, 2.0)
    np.testing.assert_array_equal(local_response_backward(pixel(1, 0), cache), pixel(0.125, -0.125))


def test_no_images():
    y, cache = local_response_forward(np.zeros((0, 2, 2, 3)), 3, 1e-4, 0.75, 1.0)
    assert y.shape == local_response_backward(y, cache).shape == (0, 2, 2, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, r"^size is 0, expected an integer >= 1$"),
        ({"k": 0.0}, r"^k is 0\.0, expected a finite number > 0$"),
        ({"alpha": -1.0}, r"^alpha is -1\.0, expected a finite number >= 0$"),
        ({"alpha": float("nan")}, r"^alpha is nan, expected a finite number >= 0$"),
        ({"beta": float("inf")}, r"^beta is inf, expected a finite number >= 0$"),
    ],
)
def test_messages(change, message):
    with pytest.raises(DomainError, match=message):
        local_response_forward(pixel(1, 2), **({"size": 3, "alpha": 1.0, "beta": 0.75, "k": 1.0} | change))


def test_message_for_the_wrong_number_of_axes():
    with pytest.raises(ShapeError, match=r"^v has shape \(3,\), expected axes \(n, h, w, c\)$"):
        local_response_forward(np.zeros(3), 3, 1.0, 0.75, 1.0)
