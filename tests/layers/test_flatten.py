"""Flattening: the order of a Grid, and back."""

import numpy as np
import pytest

from pp_ref.dictionaries import Grid
from pp_ref.errors import ShapeError
from pp_ref.layers.flatten import flatten_backward, flatten_forward


def test_order_is_that_of_a_grid():
    iy, ix, ic = np.meshgrid(np.arange(2), np.arange(3), np.arange(4), indexing="ij")
    y, cache = flatten_forward((100.0 * iy + 10 * ix + ic)[None])
    np.testing.assert_array_equal(y[0], Grid(2, 3, 4).points() @ [100, 10, 1])
    np.testing.assert_array_equal(flatten_backward(y, cache)[0], 100 * iy + 10 * ix + ic)


def test_no_images():
    y, cache = flatten_forward(np.zeros((0, 2, 3, 4)))
    assert (y.shape, flatten_backward(y, cache).shape) == ((0, 24), (0, 2, 3, 4))


def test_message():
    with pytest.raises(ShapeError, match=r"^v has shape \(2, 3\), expected axes \(n, h, w, c\)$"):
        flatten_forward(np.zeros((2, 3)))
