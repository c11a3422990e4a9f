"""IDX files: the arrays that are read, and the messages of those refused."""

import gzip
import struct

import numpy as np
import pytest

from pp_ref.data import read_idx
from pp_ref.errors import DataError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array):
    """Return the file that holds ``array``, built from the format's description."""
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def packed(data):
    return gzip.compress(data, mtime=0)


IMAGES = idx_bytes(np.arange(24, dtype="u1").reshape(2, 3, 4))


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("dtype", CODES)
def test_every_type_comes_back(tmp_path, dtype, compress):
    want = np.arange(-6, 6).astype(dtype).reshape(2, 3, 2)
    (tmp_path / "file").write_bytes(compress(idx_bytes(want)))
    got = read_idx(tmp_path / "file")
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype
    assert got.dtype.isnative
    assert got.flags.writeable


@pytest.mark.parametrize("shape", [(0,), (0, 28, 28), (5,)])
def test_empty_files_and_one_axis(tmp_path, shape):
    (tmp_path / "file").write_bytes(idx_bytes(np.zeros(shape, "u1")))
    assert read_idx(tmp_path / "file").shape == shape


WRONG = {
    "empty": (b"", r"begins with the bytes \(none\); expected an IDX file's 00 00, a type \(08, 09, 0b, 0c, 0d, 0e\)"),
    "three bytes": (b"\0\0\x08", "begins with the bytes 00 00 08; expected"),
    "a picture": (b"\x89PNG\r\n", "begins with the bytes 89 50 4e 47; expected .*: check that it is the right file"),
    "unknown type": (b"\0\0\x0a\x01" + bytes(8), "begins with the bytes 00 00 0a 01; expected"),
    "no axes": (b"\0\0\x08\0", "begins with the bytes 00 00 08 00; expected .* a number of axes >= 1"),
    "cut header": (IMAGES[:9], "ends inside its header of 16 bytes, after 9: fetch it again"),
    "cut": (IMAGES[:-1], r"is truncated: 39 bytes \(uncompressed\), expected 40 for shape \(2, 3, 4\) of uint8"),
    "longer": (IMAGES + b"\0", "has trailing bytes: 41 bytes .*, expected 40"),
    "cut, packed": (packed(IMAGES[:-1]), "is truncated: 39 bytes"),
    "longer, packed": (packed(IMAGES + b"\0"), "has trailing bytes: 41 bytes"),
    "packed, cut": (packed(IMAGES)[:-9], "is a corrupt gzip file .*ended before.*; fetch it again"),
    "wrong CRC": (packed(IMAGES)[:-8] + bytes(8), "is a corrupt gzip file .*CRC"),
    "more after gzip": (packed(IMAGES) + b"more", "is a corrupt gzip file .*Not a gzipped file"),
    "not deflate": (b"\x1f\x8b\x08\0" + bytes(range(1, 60)), "is a corrupt gzip file "),
    "4 GiB promised": (b"\0\0\x08\x01\xff\xff\xff\xff", "is truncated: 8 bytes .*, expected 4294967303"),
}


@pytest.mark.parametrize(("data", "message"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_said(tmp_path, data, message):
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(data)
    with pytest.raises(DataError, match=f"^{file} {message}"):
        read_idx(file)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"none cannot be read \(No such file or directory\); expected an IDX file"):
        read_idx(tmp_path / "none")


@pytest.mark.parametrize("cut", range(1, len(packed(IMAGES))))
def test_no_prefix_of_a_compressed_file_is_read(tmp_path, cut):
    (tmp_path / "file").write_bytes(packed(IMAGES)[:cut])
    with pytest.raises(DataError):
        read_idx(tmp_path / "file")
