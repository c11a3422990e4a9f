"""One array of a .npz file, a mapped .npy file, or a message that names the file's fault."""

import io
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from pp_ref.data.npz import map_npy, read_npz
from pp_ref.errors import DataError
from tests.odd_files import ODD, memory_below

X = np.random.default_rng(0).integers(0, 256, (50, 40), "u1")
SIZE = 100_000


def array(x, shape=None, descr=None, order=False):
    """A .npy file with another shape, dtype or order in its header."""
    file = io.BytesIO()
    header = {"descr": descr or npy.dtype_to_descr(x.dtype), "fortran_order": order, "shape": shape or x.shape}
    npy.write_array_header_1_0(file, header)
    return file.getvalue() + x.tobytes()


def archive(method=zipfile.ZIP_DEFLATED, comment=b"", **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        packed.comment = comment
        for name, content in members.items():
            packed.writestr(f"{name}.npy", content)
    return file.getvalue()


def headed(text, version=(1, 0)):
    return npy.magic(*version) + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("x", [X, np.asfortranarray(X)])
def test_an_array(tmp_path, save, x):
    save(tmp_path / "a.npz", X=x, names=np.array(["a", "b"]))
    got = read_npz(tmp_path / "a.npz", "X", X.shape, SIZE)
    np.testing.assert_array_equal(got, X)
    assert got.flags.c_contiguous
    assert got.flags.writeable


GOOD = archive(X=array(X))
CENTRAL = GOOD.index(b"PK\1\2")  # where the table of contents begins
WRONG = {
    "missing": (None, r"No such file or directory\);"),
    "empty": (
        b"",
        r"it does not end as a .npz archive does\); expected a .npz archive with the array X: fetch it again$",
    ),
    "cut": (GOOD[:-1], "BadZipFile: it does not end"),
    "damaged": (GOOD[:1000] + bytes(50) + GOOD[1050:], "(BadZipFile|error): "),
    "text": (b"text" * 10, "BadZipFile: it does not end"),
    "larger": (bytes(SIZE + 1), r"it has 100,001 bytes, expected at most 100,000\)"),
    "no such array": (archive(Y=array(X)), "KeyError: .*X.npy"),
    "encrypted": (GOOD[: CENTRAL + 8] + b"\1" + GOOD[CENTRAL + 9 :], "(RuntimeError|BadZipFile): "),
    "bzip2": (archive(zipfile.ZIP_BZIP2, X=array(X)), "ValueError: its compression is number 12, expected 0 or 8"),
    "LZMA": (archive(zipfile.ZIP_LZMA, X=array(X)), "ValueError: its compression is number 14"),
    "unknown method": (GOOD[: CENTRAL + 10] + b"c" + GOOD[CENTRAL + 11 :], "ValueError: its compression is number 99"),
    "comment": (archive(X=array(X), comment=b"words"), "BadZipFile: it does not end"),
    "many members": (
        archive(**{f"a{i}": b"" for i in range(600)}),
        "its table of contents has .*, expected at most 16,384",
    ),
    "array cut": (archive(X=array(X)[:-1]), "ValueError: cannot reshape array of size 1999"),
    "array longer": (archive(X=array(X) + b"\0"), "ValueError: cannot reshape array of size 2001"),
    "an archive in it": (archive(X=GOOD), "ValueError: .*magic"),
    "not closed": (archive(X=headed(b"{'descr': ((((((")), "(ValueError|TokenError|SyntaxError): "),
    "many brackets": (archive(X=headed(b"(" * 900)), "expected a .npz archive"),
    "many signs": (archive(X=headed(b"-" * 900 + b"1")), "expected a .npz archive"),
    "long header": (archive(X=headed(b" " * 2000)), "ValueError: Header info length"),
    "a number for a dtype": (archive(X=array(X, descr=3)), "expected a .npz archive"),
    "version 3": (archive(X=headed(b"{}", (3, 0))), r"version \(3, 0\) of the .npy format, expected 1.0 or 2.0"),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_said(tmp_path, content, message):
    file = tmp_path / "a.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=rf"^{file} cannot be read \(.*{message}"):
        read_npz(file, "X", X.shape, SIZE)


OTHER = {
    "shape": (array(X, (40, 50)), r"uint8 \(40, 50\)"),
    "negative shape": (array(X, (-50, -40)), r"uint8 \(-50, -40\)"),
    "large shape": (array(X, (2**40, 2**40)), r"uint8 \(1099511627776, 1099511627776\)"),
    "dtype": (array(X.astype(">i2")), r">i2 \(50, 40\)"),
    "objects": (array(X, descr="|O"), r"object \(50, 40\)"),
    "fields": (array(X, descr=[("a", "|u1")]), r"\[\('a', 'u1'\)\] \(50, 40\)"),
}


@pytest.mark.parametrize(("content", "found"), OTHER.values(), ids=list(OTHER))
def test_another_array_is_refused_by_its_header(tmp_path, content, found):
    (tmp_path / "a.npz").write_bytes(archive(X=content))
    (tmp_path / "a.npy").write_bytes(content)
    message = rf"{found}; expected uint8 \(50, 40\): is it another file\?$"
    with pytest.raises(DataError, match=f"a.npz holds {message}"):
        read_npz(tmp_path / "a.npz", "X", X.shape, SIZE)
    with pytest.raises(DataError, match=f"a.npy holds {message}"):
        map_npy(tmp_path / "a.npy", X.shape)


@pytest.mark.parametrize("content", [array(np.zeros(2**25, "u1")), array(np.zeros(2**25, "u1"), X.shape)])
def test_a_small_file_of_many_zeros_is_not_decompressed(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(archive(X=content))
    with memory_below(2**20), pytest.raises(DataError):
        read_npz(tmp_path / "a.npz", "X", X.shape, SIZE)


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_regular_file(tmp_path, kind):
    make, why = ODD[kind]
    with make(tmp_path / "file"):
        with pytest.raises(
            DataError, match=rf"file cannot be read \(\w+: {why}\); expected a .npz archive with the array"
        ):
            read_npz(tmp_path / "file", "X", X.shape, SIZE)
        with pytest.raises(DataError, match=r"file cannot be read \(\w+: .*\); expected a .npy file: delete it$"):
            map_npy(tmp_path / "file", X.shape)


def test_a_mapped_array(tmp_path):
    np.save(tmp_path / "a.npy", X)
    got = map_npy(tmp_path / "a.npy", X.shape)
    assert isinstance(got, np.memmap)
    np.testing.assert_array_equal(got, X)
    with pytest.raises(ValueError, match="read-only"):
        got[0] = 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ValueError: "),
        (array(X)[:-1], "ValueError: mmap length is greater than file size"),
        (array(X, order=True), "ValueError: it is in Fortran order"),
        (headed(b"{'descr': ((((("), "(ValueError|TokenError|SyntaxError): "),
    ],
)
def test_a_damaged_array_is_not_mapped(tmp_path, content, message):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match=rf"a.npy cannot be read \({message}.*expected a .npy file: delete it$"):
        map_npy(tmp_path / "a.npy", X.shape)
