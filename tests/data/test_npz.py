"""One array of a .npz file, or a message that names the file's fault."""

import numpy as np
import pytest

from pp_ref.data.npz import read_npz
from pp_ref.errors import DataError


@pytest.fixture
def file(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", X=np.arange(100_000), objects=np.array([{}], object))
    return tmp_path / "a.npz"


def test_an_array(file):
    np.testing.assert_array_equal(read_npz(file, "X"), np.arange(100_000))


@pytest.mark.parametrize(
    ("damage", "name", "message"),
    [
        (None, "X", "FileNotFoundError"),
        (lambda data: b"", "X", "EOFError"),
        (lambda data: data[:-1], "X", "BadZipFile"),
        (lambda data: data[:5000] + b"\xff" * 100 + data[5100:], "X", "(BadZipFile|error): "),
        (lambda data: b"text", "X", "(ValueError|UnpicklingError)"),
        (lambda data: data, "Y", "KeyError: .*Y"),
        (lambda data: data, "objects", "ValueError: Object arrays cannot be loaded"),
    ],
)
def test_what_is_wrong_is_said(file, damage, name, message):
    file.write_bytes(damage(file.read_bytes())) if damage else file.unlink()
    expected = rf"\({message}.*\); expected a .npz archive with the array {name}: fetch it again$"
    with pytest.raises(DataError, match=f"^{file} cannot be read {expected}"):
        read_npz(file, name)


def test_a_single_array_is_no_archive(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    with pytest.raises(DataError, match="cannot be read .*expected a .npz archive with the array X"):
        read_npz(tmp_path / "a.npy", "X")
