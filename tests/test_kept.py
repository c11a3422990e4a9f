"""Arrays in files: computed once, checked at each use, and the folder is bounded."""

import os

import numpy as np
import pytest

from pp_ref.errors import DataError
from pp_ref.kept import kept_array, make_room

X = np.arange(24, dtype=np.float32).reshape(6, 4)


def kept(path, calls=None, dtype=np.float32, shape=(6, 4)):
    def blocks():
        if calls is not None:
            calls.append(path)
        return (X[start : start + 4] for start in (0, 4))

    return kept_array(path, dtype, shape, blocks, "the numbers")


def test_blocks_are_asked_for_once_and_the_file_is_plain(tmp_path):
    path, calls = tmp_path / "made" / "x.npy", []
    for _ in range(2):
        x = kept(path, calls)
        np.testing.assert_array_equal(x, X)
        assert not x.flags.writeable
    assert calls == [path]
    np.testing.assert_array_equal(np.load(path), X)


@pytest.mark.parametrize("at", [0, 9, 130, -70, -1])
def test_any_byte_that_is_changed_is_noticed(tmp_path, at):
    path = tmp_path / "x.npy"
    kept(path)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"x.npy is not the numbers that was written there \(.*\): delete it to compute"
    ):
        kept(path)


def test_a_file_that_is_cut_or_of_another_array(tmp_path):
    path = tmp_path / "x.npy"
    kept(path)
    with pytest.raises(DataError, match=r"it does not begin with the header of float32 \(4, 6\)"):
        kept(path, shape=(4, 6))
    with pytest.raises(DataError, match="it has 288 bytes, expected 384"):
        kept(path, dtype=np.float64)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="it has 287 bytes, expected 288"):
        kept(path)


def test_the_files_that_were_used_longest_ago_make_room(tmp_path):
    paths = [tmp_path / f"{name}.npy" for name in "abc"]
    mapped = [kept(path) for path in paths]
    for path, used in zip(paths, (3, 1, 2), strict=True):
        os.utime(path, (used, used))
    other = tmp_path / "other.txt"
    other.write_text("x")
    size = paths[0].stat().st_size
    make_room(tmp_path, 3 * size)
    assert all(path.exists() for path in paths)
    make_room(tmp_path, 2 * size)
    assert [path.exists() for path in paths] == [True, False, True]
    kept(paths[2])  # a use makes it the newest
    make_room(tmp_path, size)
    assert [path.exists() for path in paths] == [False, False, True]
    assert other.exists()
    np.testing.assert_array_equal(mapped[0], X)  # who has mapped a file keeps its array


def test_no_folder_has_nothing_to_delete(tmp_path):
    make_room(tmp_path / "none")
