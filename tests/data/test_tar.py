"""Tar archives: the files that are read, and the messages of those refused."""

import io
import tarfile

import pytest

from pp_ref.data.tar import read_members
from pp_ref.errors import DataError
from tests.odd_files import ODD, memory_below

CONTENT = {"set/a": b"content of a" * 100, "set/b": b"content of b"}


def tar_bytes(members, mode="w:", kind=tarfile.REGTYPE):
    """Return a tar archive of members of one kind, from their names and contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.type = len(content), kind
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def pack(file, members, mode="w:gz"):
    """Write a tar archive, and return its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(tar_bytes(members, mode))
    return file


def unpack(folder, members):
    """Write members as files below a folder, and return the folder."""
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def read(path, wanted=tuple(CONTENT), largest=10_000, total=100_000):
    return dict(read_members(path, dict.fromkeys(wanted, largest), total))


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_any_compression_and_form(tmp_path, mode, form, monkeypatch):
    monkeypatch.setattr(tarfile.TarFile, "format", form)
    (tmp_path / "archive").write_bytes(tar_bytes({"set/readme": b"x"} | CONTENT, mode))
    assert read(tmp_path / "archive") == CONTENT


def test_only_what_is_wanted_is_read(tmp_path):
    (tmp_path / "archive").write_bytes(tar_bytes(CONTENT | {"other/a": b"not this one", "a": b"nor this"}))
    assert read(tmp_path / "archive", ["set/a"]) == {"set/a": CONTENT["set/a"]}
    assert read(tmp_path / "archive", ["set"]) == {}


def test_folders_and_a_leading_dot(tmp_path):
    with tarfile.open(tmp_path / "archive", "w:gz") as archive:
        archive.add(unpack(tmp_path, CONTENT) / "set", "./set")
    assert read(tmp_path / "archive") == CONTENT
    assert read(tmp_path / "archive", ["set"]) == {}


HOSTILE = {
    "absolute": ("/etc/passwd", {}, "'/etc/passwd' is an absolute path; expected plain files and folders only"),
    "up": ("../a", {}, "'../a' is a path that leaves its folder"),
    "up inside": ("set/../../a", {}, "'set/../../a' is a path that leaves its folder"),
    "up, Windows": (r"set\..\..\a", {}, "is a path that leaves its folder"),
    "drive": (r"C:\a", {}, "is an absolute path"),
    "share": (r"\\host\share\a", {}, "is an absolute path"),
    "symbolic link": ("set/c", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "'set/c' is a link, a device or"),
    "hard link": ("set/c", {"type": tarfile.LNKTYPE, "linkname": "set/a"}, "is a link, a device or a sparse file"),
    "wanted link": ("set/a", {"type": tarfile.SYMTYPE, "linkname": "b"}, "'set/a' is a link"),
    "character device": ("set/c", {"type": tarfile.CHRTYPE}, "is a link, a device or a sparse file"),
    "block device": ("set/c", {"type": tarfile.BLKTYPE}, "is a link, a device or a sparse file"),
    "pipe": ("set/c", {"type": tarfile.FIFOTYPE}, "is a link, a device or a sparse file; .*publisher$"),
    "long name, up": ("set/" * 60 + "../" * 70 + "a", {}, "is a path that leaves its folder"),
}


@pytest.mark.parametrize(("name", "attributes", "message"), HOSTILE.values(), ids=list(HOSTILE))
@pytest.mark.parametrize("last", [True, False], ids=["last", "first"])
def test_hostile_members_are_refused_wherever_they_stand(tmp_path, name, attributes, message, last):
    good, hostile = tarfile.TarInfo("set/b"), tarfile.TarInfo(name)
    for attribute, value in attributes.items():
        setattr(hostile, attribute, value)
    with tarfile.open(tmp_path / "archive", "w:gz") as archive:
        for member in (good, hostile) if last else (hostile, good):
            archive.addfile(member)
    with pytest.raises(DataError, match=f"archive: its member .*{message}"):
        read(tmp_path / "archive")
    assert [file.name for file in tmp_path.iterdir()] == ["archive"]


def test_a_sparse_file(tmp_path):
    (tmp_path / "archive").write_bytes(tar_bytes({"set/a": bytes(512)}, kind=tarfile.GNUTYPE_SPARSE))
    with pytest.raises(DataError, match="member 'set/a' is a link, a device or a sparse file"):
        read(tmp_path / "archive")


def test_a_member_that_is_too_large(tmp_path):
    (tmp_path / "archive").write_bytes(tar_bytes(CONTENT))
    with pytest.raises(DataError, match="archive: its member set/a has 1,200 bytes, expected at most 1,199: fetch"):
        read(tmp_path / "archive", largest=1199)
    assert read(tmp_path / "archive", largest=1200) == CONTENT


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz"])
def test_no_prefix_gives_half_a_file(tmp_path, mode):
    """Cut anywhere, an archive gives an error, or every file if only the padding at its end is cut."""
    whole = tar_bytes(CONTENT, mode)
    for cut in range(0, len(whole), 1 if len(whole) < 1000 else 37):
        (tmp_path / "archive").write_bytes(whole[:cut])
        try:
            got = read(tmp_path / "archive")
        except DataError:
            continue
        assert got == CONTENT


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:bz2", "w:xz"])
def test_what_was_altered_is_an_error_of_the_data(tmp_path, mode):
    """A changed byte gives another content or a DataError, never another kind of error."""
    whole = tar_bytes(CONTENT, mode)
    for at in range(0, min(len(whole), 2100), 13):
        (tmp_path / "archive").write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            read(tmp_path / "archive")
        except DataError:
            continue


@pytest.mark.parametrize("content", [b"", b"not a tar archive", b"\x1f\x8b\x08\0", bytes(range(256)) * 8])
def test_what_is_no_archive(tmp_path, content):
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(DataError, match="archive is no readable tar archive, or was cut short \\(.*fetch it again$"):
        read(tmp_path / "archive")


def test_a_missing_archive(tmp_path):
    with pytest.raises(DataError, match="none is no readable tar archive.*FileNotFoundError"):
        read(tmp_path / "none")


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_regular_file(tmp_path, kind):
    make, why = ODD[kind]
    message = rf"file is no readable tar archive, or was cut short \(\w+: {why}\): delete it and fetch it again$"
    with make(tmp_path / "file"), pytest.raises(DataError, match=message):
        read(tmp_path / "file")


def test_a_file_that_is_there_twice(tmp_path):
    with tarfile.open(tmp_path / "archive", "w:gz") as archive:
        for name in ("set/b", "./set/b"):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(
        DataError, match="archive: its member set/b is there twice, expected once: fetch the archive again"
    ):
        read(tmp_path / "archive")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_small_archive_of_many_zeros_is_not_decompressed(tmp_path, mode):
    (tmp_path / "archive").write_bytes(tar_bytes({"other": bytes(2**25)}, mode))
    with (
        memory_below(2**24),  # a decompressor's own tables and the steps in which other files are skipped
        pytest.raises(DataError, match="ValueError: it holds more than 1,148,576 bytes, decompressed"),
    ):
        read(tmp_path / "archive")


def header(kind, content, size=None):
    """A member of a kind, with another size in its header."""
    member = tarfile.TarInfo("header")
    member.type, member.size = kind, len(content) if size is None else size
    return member.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def headed(*of):
    """That header before a file."""
    return header(*of) + tar_bytes({"set/b": b"content of b"})


LONG = "a header of long names has "
NAMES = {
    "a pax header of 1 MB": (headed(tarfile.XHDTYPE, b"0" * 2**20), f"{LONG}1,048,576 bytes, expected 0 to 65,536"),
    "a name of 1 MB": (headed(tarfile.GNUTYPE_LONGNAME, b"a" * 2**20), f"{LONG}1,048,576 bytes"),
    "many headers": (3 * header(tarfile.XHDTYPE, b"9 a=bcde\n" * 6000), f"{LONG}54,000 bytes, expected 0 to 11,536"),
    "a negative size": (headed(tarfile.XHDTYPE, b"", -512), f"{LONG}-512 bytes"),
    "a file of negative size": (headed(tarfile.REGTYPE, b"", -512), "its member 'header' has -512 bytes"),
    "a negative size in pax": (headed(tarfile.XHDTYPE, b"11 size=-5\n"), "its member 'set/b' has -5 bytes"),
    "a size that is none": (headed(tarfile.XHDTYPE, b"10 size=x\n"), "invalid literal for int"),
    "a record without length": (headed(tarfile.XHDTYPE, b"a=b\n"), "not found"),
    "a record of negative length": (headed(tarfile.XHDTYPE, b"-5 a=b\nccccc"), "a header of long names is damaged"),
    "a record too long": (headed(tarfile.XHDTYPE, b"99 a=b\n"), "a header of long names is damaged"),
    "a long length": (headed(tarfile.XHDTYPE, b"9" * 5000 + b" a=b\n"), "ValueError: "),
    "many members": (tar_bytes({f"{number}": b"" for number in range(1001)}), "it has more than 1,000 headers"),
    "a huge file": (headed(tarfile.REGTYPE, b"", 2**60), "it holds more than 2,048,576 bytes"),
}


@pytest.mark.parametrize(("content", "message"), NAMES.values(), ids=list(NAMES))
def test_headers_that_no_published_archive_has(tmp_path, content, message):
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(DataError, match=rf"archive is no readable tar archive, or was cut short \(.*{message}"):
        read(tmp_path / "archive", total=10**6)


def test_a_long_name_and_a_size_in_a_pax_header(tmp_path):
    (tmp_path / "archive").write_bytes(headed(tarfile.XHDTYPE, b"19 path=set/" + b"a" * 6 + b"\n" + b"11 size=12\n"))
    assert read(tmp_path / "archive", ["set/aaaaaa"]) == {"set/aaaaaa": b"content of b"}


def test_a_sparse_file_in_a_pax_header(tmp_path):
    (tmp_path / "archive").write_bytes(headed(tarfile.XHDTYPE, b"22 GNU.sparse.major=1\n"))
    with pytest.raises(DataError, match="member 'set/b' is a link, a device or a sparse file"):
        read(tmp_path / "archive")


def test_a_global_header_is_skipped(tmp_path):
    (tmp_path / "archive").write_bytes(headed(tarfile.XGLTYPE, b"20 comment=a commit\n"))
    assert read(tmp_path / "archive") == {"set/b": b"content of b"}
