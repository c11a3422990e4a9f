"""IDX files: the arrays that are read, and the messages of those refused."""

import gzip
import struct

import numpy as np
import pytest

from pp_ref.data import read_idx
from pp_ref.errors import DataError
from tests.odd_files import ODD, memory_below

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
    "no axes": (b"\0\0\x08\0", "begins with the bytes 00 00 08 00; expected .* a number of axes, 1 to 64: check"),
    "cut header": (IMAGES[:9], "ends inside its header of 16 bytes, after 9: fetch it again"),
    "cut": (IMAGES[:-1], r"is truncated: 39 bytes \(uncompressed\), expected 40 for shape \(2, 3, 4\) of uint8"),
    "longer": (IMAGES + b"\0\0", "has trailing bytes: at least 41 bytes .*, expected 40"),
    "cut, packed": (packed(IMAGES[:-1]), "is truncated: 39 bytes"),
    "longer, packed": (packed(IMAGES + b"\0"), "has trailing bytes: at least 41 bytes"),
    "packed, cut": (packed(IMAGES)[:-9], "is a corrupt gzip file .*ended before.*; fetch it again"),
    "wrong CRC": (packed(IMAGES)[:-8] + bytes(8), "is a corrupt gzip file .*CRC"),
    "more after gzip": (packed(IMAGES) + b"more", "is a corrupt gzip file .*Not a gzipped file"),
    "not deflate": (b"\x1f\x8b\x08\0" + bytes(range(1, 60)), "is a corrupt gzip file "),
    "4 GiB promised": (
        b"\0\0\x08\x01\xff\xff\xff\xff",
        r"declares 4,294,967,295 bytes of numbers, shape \(4294967295,\) of uint8; expected at most 47,040,000: "
        "fetch it again, or call read_idx with a larger largest=$",
    ),
    "65 axes": (b"\0\0\x08\x41" + b"\0\0\0\1" * 65 + b"\0", "begins with the bytes 00 00 08 41; expected"),
    "2**124 numbers": (b"\0\0\x08\4" + b"\x7f\xff\xff\xff" * 4, "declares 21,267,647,892,944,572,"),
    "too large, and empty": (
        b"\0\0\x08\4\0\0\0\0" + b"\xff\xff\xff\xff" * 3,
        r"declares shape \(0, 4294967295, .* of uint8, which no array can have \(.*\): fetch it again$",
    ),
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


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_regular_file(tmp_path, kind):
    make, why = ODD[kind]
    message = rf"file cannot be read \({why}\); expected an IDX file, gzip or not$"
    with make(tmp_path / "file"), pytest.raises(DataError, match=message):
        read_idx(tmp_path / "file")


@pytest.mark.parametrize(
    ("header", "message"),
    [(b"\0\0\x08\1\2\0\0\0", "declares 33,554,432 bytes"), (b"\0\0\x08\1\0\0\0\1", "has trailing bytes: at least 10")],
)
def test_a_small_file_of_many_zeros_is_not_decompressed(tmp_path, header, message):
    (tmp_path / "file").write_bytes(packed(header + bytes(2**25)))
    with memory_below(2**20), pytest.raises(DataError, match=message):
        read_idx(tmp_path / "file", largest=2**24)


def test_a_larger_set_is_read_on_request(tmp_path):
    (tmp_path / "file").write_bytes(IMAGES)
    with pytest.raises(DataError, match="declares 24 bytes of numbers, .*; expected at most 23: "):
        read_idx(tmp_path / "file", largest=23)
    assert read_idx(tmp_path / "file", largest=24).size == 24
