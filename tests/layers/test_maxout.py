"""Maxout: which pieces belong together, who wins a tie, the messages."""

import numpy as np
import pytest

from pp_ref.errors import ShapeError
from pp_ref.layers.maxout import maxout_backward, maxout_forward


def test_pieces_of_a_unit_stand_side_by_side():
    v = 2.0 ** np.array([[0, 5, 2, 3, 1, 4]])
    y, cache = maxout_forward(v, 3)
    np.testing.assert_array_equal(y, [[32, 16]])
    np.testing.assert_array_equal(maxout_backward(np.array([[1.0, 2.0]]), cache), [[0, 1, 0, 0, 0, 2]])


def test_first_piece_wins_a_tie_and_takes_the_whole_gradient():
    y, cache = maxout_forward(np.array([[1.0, 1.0, 1.0, -1.0, 0.0, 0.0]]), 3)
    np.testing.assert_array_equal(y, [[1, 0]])
    np.testing.assert_array_equal(maxout_backward(np.array([[8.0, 4.0]]), cache), [[8, 0, 0, 0, 4, 0]])


def test_one_piece_is_the_identity():
    v = np.arange(6.0).reshape(2, 3)
    y, cache = maxout_forward(v, 1)
    np.testing.assert_array_equal(y, v)
    np.testing.assert_array_equal(maxout_backward(v, cache), v)


def test_nan_wins():
    assert np.isnan(maxout_forward(np.array([[1.0, np.nan]]), 2)[0]).all()


def test_no_examples():
    y, cache = maxout_forward(np.zeros((0, 6)), 3)
    assert (y.shape, maxout_backward(y, cache).shape) == ((0, 2), (0, 6))


@pytest.mark.parametrize(("width", "pieces"), [(5, 2), (4, 0), (4, -2)])
def test_message_names_the_width_and_the_pieces(width, pieces):
    message = rf"^v has {width} inputs, expected a multiple of pieces = {pieces} \(at least 1\)$"
    with pytest.raises(ShapeError, match=message):
        maxout_forward(np.zeros((2, width)), pieces)


def test_message_for_the_wrong_number_of_axes():
    with pytest.raises(ShapeError, match=r"^v has shape \(4,\), expected axes \(n, d\)$"):
        maxout_forward(np.zeros(4), 2)
