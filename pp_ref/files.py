"""Files that are written whole or not at all, and regular files to read.

A file is written under a name of its own beside its place, ``.NAME.RANDOM.part``, and then renamed. A program that is
killed leaves such a file. Nothing reads it: it can be removed when no program writes NAME any more.
"""

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from pp_ref.errors import DataError

__all__ = [
    "cache_folder",
    "open_regular",
    "packed_size",
    "part_beside",
    "read_regular",
    "reason",
    "write_atomically",
    "written_atomically",
]

NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # Windows has neither the flag nor files that need it
OTHERS = {  # what is no regular file, in words
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def open_regular(path: Path, largest: float = math.inf) -> Iterator[BufferedReader]:
    """Open a regular file, or a link to one, to read.

    largest  bytes, the largest size that the file can have
    raises   OSError for a larger file, or one that cannot be opened; for a folder, FIFO, device or socket at once,
             before it is opened: opening a FIFO waits for its writer, and opening a device can act on it
    """
    try:
        _check_regular(os.stat(path), largest)
    except ValueError as error:  # the path has a NUL
        raise OSError(str(error)) from error
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | NO_WAITING)) as file:
        _check_regular(os.fstat(file.fileno()), largest)  # another file may have taken its name
        yield file


def read_regular(path: Path, largest: float) -> bytes:
    """Return the content of a regular file of at most ``largest`` bytes; raise OSError as `open_regular` does."""
    with open_regular(path, largest) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def packed_size(size: int) -> int:
    """Return the most bytes of a file whose content of ``size`` bytes was compressed by gzip, bzip2 or xz, or not.

    What cannot be compressed grows by up to 1 % (bzip2) and a header.
    """
    return size + size // 100 + 2**10


def reason(error: Exception) -> str:
    """Return an error's own words in one line, for a message: the system's, without its number, if it is an OSError."""
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__


def _check_regular(status: os.stat_result, largest: float) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"it is {OTHERS.get(stat.S_IFMT(status.st_mode), 'no regular file')}")
    if status.st_size > largest:
        raise OSError(f"it has {status.st_size:,} bytes, expected at most {largest:,}")


def part_beside(path: Path) -> Path:
    """Return a new random name ``.NAME.RANDOM.part`` in the folder of ``path``."""
    return path.with_name(f".{path.name}.{token_hex(8)}.part")


@contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file beside ``path`` to write into. At the end it is flushed to the disk and renamed to ``path``.

    A reader sees the old file or the new one, whole, however many threads and processes write it: the last one wins.
    After an error in the block the old file is unchanged and the new one removed. No link is followed: a link at
    ``path`` is replaced, and its target is untouched.

    raises  DataError if it cannot be written (a full disk, say)
    """
    new = part_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = new.open("xb")  # an error if the name is taken, by a link too
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{path} could not be written: {error.strerror or error}; an older file is unchanged: "
            "free some space or choose another folder, and run again"
        ) from error
    _keep_name(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` as `written_atomically` does."""
    with written_atomically(path) as file:
        file.write(content)


def cache_folder() -> Path:
    """Return the folder of pp_ref in the user's cache; it need not exist.

    raises  DataError if no home folder is known
    """
    from platformdirs import user_cache_dir

    try:
        return Path(user_cache_dir("pp_ref")).expanduser()
    except RuntimeError as error:
        raise DataError(
            "no home folder is known, and so no folder for the user's cache: set HOME or XDG_CACHE_HOME to a full path"
        ) from error


def _keep_name(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can: the file is whole under either name."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
