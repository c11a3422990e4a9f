"""Windows along an axis: how many, which entries, and that the adjoint adds."""

import numpy as np
import pytest

from pp_ref.layers.windows import blocks, count_windows, overlap_add, pad, take, windows


@pytest.mark.parametrize(
    ("extent", "size", "stride", "ceil", "count"),
    [
        (32 + 2 * 4, 8, 1, False, 33),
        (33, 4, 2, True, 16),
        (33, 4, 2, False, 15),
        (16 + 2 * 3, 8, 1, False, 15),
        (15, 4, 2, True, 7),
        (7 + 2 * 3, 5, 1, False, 9),
        (9, 2, 2, True, 5),
        (4, 4, 3, True, 1),
        (5, 1, 3, True, 2),  # a third window would begin at 6, outside
        (6, 2, 5, True, 2),  # the second begins at the last entry
    ],
)
def test_count(extent, size, stride, ceil, count):
    assert count_windows(extent, size, stride, ceil) == count


def test_slices_are_the_entries_of_every_window():
    v = np.arange(7)[None]
    parts = windows(v, 1, 3, 2, 3)
    np.testing.assert_array_equal(np.stack(parts, axis=2)[0], [[0, 1, 2], [2, 3, 4], [4, 5, 6]])


def test_overlap_add_adds_where_windows_overlap_and_leaves_the_rest_zero():
    parts = [np.array([1.0, 8.0]), np.array([2.0, 16.0]), np.array([4.0, 32.0])]
    np.testing.assert_array_equal(overlap_add(parts, 0, 2, 6), [1, 2, 12, 16, 32, 0])


def test_pad_is_undone_by_take():
    v = np.arange(12).reshape(2, 3, 2)
    padded = pad(v, 1, 2, 1, fill=-1)
    assert padded.shape == (2, 6, 2)
    assert (padded[:, [0, 1, 5]] == -1).all()
    np.testing.assert_array_equal(take(padded, 1, 2, 5), v)
    assert pad(v, 1, 0, 0) is v


def test_blocks_cover_the_batch():
    assert blocks(7, 10, 35) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert blocks(2, 10, 9) == [slice(0, 1), slice(1, 2)]
    assert blocks(0, 10, 35) == []
