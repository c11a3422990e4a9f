"""Tar archives: the files that are read, and the messages of those refused."""

import io
import tarfile

import pytest

from pp_ref.data.tar import read_members
from pp_ref.errors import DataError

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


def read(path, wanted=tuple(CONTENT), largest=10_000):
    return dict(read_members(path, wanted, largest))


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
    """Cut anywhere, an archive gives whole files, perhaps fewer of them, or an error."""
    whole = tar_bytes(CONTENT, mode)
    for cut in range(0, len(whole), 1 if len(whole) < 1000 else 37):
        (tmp_path / "archive").write_bytes(whole[:cut])
        try:
            got = read(tmp_path / "archive")
        except DataError:
            continue
        assert got.items() <= CONTENT.items()


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
