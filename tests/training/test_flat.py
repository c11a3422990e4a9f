"""One vector and its named views: nothing is lost, and nothing is copied."""

import array_api_strict
import numpy as np
import pytest

from pp_ref.errors import ShapeError
from pp_ref.training import Layout, flatten
from tests.refused import refuses

NAMED = {"w": np.arange(6.0).reshape(2, 3), "b": np.array([6.0, 7.0]), "none": np.zeros((0, 4)), "c": np.array(8.0)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.complex128])
def test_round_trip(dtype):
    named = {name: array.astype(dtype) for name, array in NAMED.items()}
    vector, layout = flatten(named)
    np.testing.assert_array_equal(vector, np.arange(9))
    assert layout.size == 9
    back = layout.views(vector)
    assert list(back) == list(named)
    for name, array in named.items():
        assert (back[name].dtype, back[name].shape) == (dtype, array.shape)
        np.testing.assert_array_equal(back[name], array)


def test_the_vector_is_a_copy_and_views_write_through():
    named = {name: array.copy() for name, array in NAMED.items()}
    vector, layout = flatten(named)
    views = layout.views(vector)
    views["w"][1, 0] = 64
    views["b"] *= 2
    np.testing.assert_array_equal(vector, [0, 1, 2, 64, 4, 5, 12, 14, 8])
    np.testing.assert_array_equal(named["w"], NAMED["w"])
    vector[:] = 0
    assert not views["w"].any()


def test_strided_arrays_are_laid_out_by_rows():
    vector, layout = flatten({"W": np.arange(6.0).reshape(2, 3).T})
    np.testing.assert_array_equal(vector, [0, 3, 1, 4, 2, 5])
    assert layout.views(vector)["W"].shape == (3, 2)


def test_the_order_is_the_layouts_not_the_dicts():
    _, layout = flatten(NAMED)
    backwards = dict(reversed(NAMED.items()))
    np.testing.assert_array_equal(layout.vector(backwards), np.arange(9))


def test_another_array_library():
    named = {name: array_api_strict.asarray(array) for name, array in NAMED.items()}
    vector, layout = flatten(named)
    np.testing.assert_array_equal(np.asarray(layout.vector(layout.views(vector))), np.arange(9))


LAYOUT, W, B = Layout({"w": (2, 3), "b": (2,)}), np.zeros((2, 3)), np.zeros(2)
REFUSED = [
    (LAYOUT.views, np.zeros(9), r"^vector has shape \(9,\), expected \(8,\): w, b$"),
    (LAYOUT.views, np.zeros((8, 1)), r"^vector has shape \(8, 1\), expected \(8,\)"),
    (LAYOUT.vector, {"w": W}, r"^parameters do not fit the layout, first at 'b': .* but expected"),
    (LAYOUT.vector, {"w": W.T, "b": B}, "first at 'w'"),
    (LAYOUT.vector, {"w": W, "b": B, "unknown": np.zeros(1)}, "first at 'unknown'"),
]
test_messages = refuses(lambda call, given: call(given), {ShapeError: REFUSED})
