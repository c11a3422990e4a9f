"""Tar archives, read forwards without unpacking: no member can name a place to write to.

Only files, folders and long names are read. The standard library's reader follows every extension of the format, some
of them in a time that grows with the square of their length; here it parses single headers.
"""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

from pp_ref.errors import DataError
from pp_ref.files import open_regular, packed_size, reason

__all__ = ["Stream", "check_plain", "members", "pax_records", "read_members"]

# The first bytes of each compression.
OPENERS: dict[bytes, Callable[[BinaryIO], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
NAMING = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)
PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.DIRTYPE)
HEADERS = 1000  # the published archives have about ten
LONGEST = 2**16  # bytes of the headers with long names before one member
REST = 2**20  # bytes of headers and of small files beside the published ones
CHUNK = 2**20  # bytes that are skipped at a time


def read_members(path: Path, wanted: Mapping[str, int], total: int) -> Iterator[tuple[str, bytes]]:
    """Read the wanted files of a tar archive of any compression, in one pass.

    path     the archive: plain, gzip, bzip2 or xz (its first bytes decide, not its name)
    wanted   names such as ``"folder/file"``, each with the largest size of that file in bytes; every other plain file
             is skipped
    total    int, the size in bytes of all published files together; no more is decompressed, but for 1 MiB
    yields   name and content, in the archive's order. The caller has to check that every file is there and has its
             content
    raises   DataError if the archive is no regular file, corrupt or cut short, a wanted file is too large or there
             twice, the whole is too large, or any member is an absolute path, a path with ``..``, a link, a device or
             a sparse file
    """
    seen = set()
    try:
        with open_regular(path, packed_size(total + REST)) as file:
            stream = Stream(file, total + REST)
            for member in members(stream):
                check_plain(path, member)
                name = str(PurePosixPath(member.name))
                if member.isdir():
                    continue
                if name not in wanted:
                    stream.skip(member.size)
                    continue
                if member.size > wanted[name]:
                    raise DataError(
                        f"{path}: its member {name} has {member.size:,} bytes, expected at most {wanted[name]:,}: "
                        "fetch the archive again from its publisher"
                    )
                if name in seen:
                    raise DataError(
                        f"{path}: its member {name} is there twice, expected once: fetch the archive again from its "
                        "publisher"
                    )
                seen.add(name)
                yield name, stream.read(member.size)
    except DataError:
        raise
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError, MemoryError) as error:
        # xz raises a MemoryError if its header asks for more memory than there is.
        raise DataError(
            f"{path} is no readable tar archive, or was cut short ({type(error).__name__}: {reason(error)}): "
            "delete it and fetch it again"
        ) from error


class Stream:
    """The decompressed bytes of an archive, in blocks of 512, up to a limit."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        start = file.read(6)
        file.seek(0)
        opener = next((opener for magic, opener in OPENERS.items() if start.startswith(magic)), None)
        self.file = file if opener is None else opener(file)
        self.limit = self.left = limit

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes; skip the padding behind them."""
        padding = self._count(size)
        content = self._take(size)
        self._take(padding)
        return content

    def skip(self, size: int) -> None:
        """Skip ``size`` bytes and the padding behind them."""
        whole = size + self._count(size)
        for start in range(0, whole, CHUNK):
            self._take(min(CHUNK, whole - start))

    def _count(self, size: int) -> int:
        """Subtract the size and its padding from what is left; return the padding."""
        padding = -size % tarfile.BLOCKSIZE
        self.left -= size + padding
        if self.left < 0:
            raise ValueError(f"it holds more than {self.limit:,} bytes, decompressed")
        return padding

    def _take(self, size: int) -> bytes:
        content: bytes = self.file.read(size)
        if len(content) < size:
            raise EOFError("it ends before the mark of its end")
        return content


def members(stream: Stream) -> Iterator[tarfile.TarInfo]:
    """Yield the header of each member, with its long name; the caller reads or skips the content of each file."""
    extended: dict[str, str] = {}
    headers, room = 0, LONGEST
    while any(block := stream.read(tarfile.BLOCKSIZE)):
        if (headers := headers + 1) > HEADERS:
            raise ValueError(f"it has more than {HEADERS:,} headers")
        member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if member.type in NAMING:
            if not 0 <= member.size <= room:
                raise ValueError(f"a header of long names has {member.size:,} bytes, expected 0 to {room:,}")
            room -= member.size
            content = stream.read(member.size)
            if member.type == tarfile.GNUTYPE_LONGNAME:
                extended["path"] = content.partition(b"\0")[0].decode("utf-8", "surrogateescape")
            elif member.type == tarfile.XHDTYPE:
                extended |= pax_records(content)
            continue
        if any(key.startswith("GNU.sparse.") for key in extended):
            member.type = tarfile.GNUTYPE_SPARSE
        member.name = extended.get("path", member.name)
        member.size = int(extended.get("size", member.size))
        if member.size < 0:
            raise ValueError(f"its member {member.name!r} has {member.size} bytes")
        extended, room = {}, LONGEST
        yield member


def pax_records(content: bytes) -> dict[str, str]:
    """Parse the records of a pax header, each ``b"<its length> <key>=<value>\\n"``; raise ValueError for any other."""
    records, start = {}, 0
    while start < len(content):
        space = content.index(b" ", start)
        end = start + int(content[start:space])
        key, equals, value = content[space + 1 : end - 1].partition(b"=")
        if end <= space or not equals or content[end - 1 : end] != b"\n":
            raise ValueError("a header of long names is damaged")
        records[key.decode()] = value.decode("utf-8", "surrogateescape")
        start = end
    return records


def check_plain(path: Path, member: tarfile.TarInfo) -> None:
    """Refuse a member that could reach outside a folder or is no plain file, although it would not be followed here."""
    name = member.name
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        what = "an absolute path"
    elif ".." in PurePosixPath(name.replace("\\", "/")).parts:
        what = "a path that leaves its folder"
    elif member.type not in PLAIN:
        what = "a link, a device or a sparse file"
    else:
        return
    raise DataError(
        f"{path}: its member {name!r} is {what}; expected plain files and folders only: "
        "do not unpack this archive, fetch it again from its publisher"
    )
