"""Tar archives, read without unpacking: no member can name a place to write to."""

import lzma
import tarfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from pp_ref.errors import DataError


def read_members(path: Path, wanted: Collection[str], largest: int) -> Iterator[tuple[str, bytes]]:
    """Read the wanted files of a tar archive of any compression, in one pass.

    path     the archive: plain, gzip, bzip2 or xz (its first bytes decide, not its name)
    wanted   names such as ``"folder/file"``; every other plain file is skipped unread
    largest  int, the largest size of a wanted file in bytes
    yields   name and content, in the archive's order. tarfile reads some truncated archives without an error: the
             caller has to check that every file is there and has its content
    raises   DataError if the archive is corrupt or truncated, a wanted file is too large, or any member is an absolute
             path, a path with ``..``, a link, a device or a sparse file

    xz is read forwards only: fetching files by name would decompress the archive once per file.
    """
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                check_plain(path, member)
                name = str(PurePosixPath(member.name))
                if name not in wanted or member.isdir():
                    continue
                if member.size > largest:
                    raise DataError(
                        f"{path}: its member {name} has {member.size:,} bytes, expected at most {largest:,}: "
                        "fetch the archive again from its publisher"
                    )
                file = archive.extractfile(member)
                assert file is not None  # only links and devices have none
                yield name, file.read()
    except DataError:
        raise
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())  # tarfile lists each attempt on a line of its own
        raise DataError(
            f"{path} is no readable tar archive, or was cut short ({type(error).__name__}: {reason}): "
            "delete it and fetch it again"
        ) from error


def check_plain(path: Path, member: tarfile.TarInfo) -> None:
    """Refuse a member that could reach outside a folder or is no plain file, although it would not be followed here."""
    name = member.name
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        what = "an absolute path"
    elif ".." in PurePosixPath(name.replace("\\", "/")).parts:
        what = "a path that leaves its folder"
    elif not (member.isdir() or (member.isreg() and not member.issparse())):
        what = "a link, a device or a sparse file"
    else:
        return
    raise DataError(
        f"{path}: its member {name!r} is {what}; expected plain files and folders only: "
        "do not unpack this archive, fetch it again from its publisher"
    )
