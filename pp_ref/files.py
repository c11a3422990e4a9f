"""Files that are written whole or not at all, and regular files to read."""

import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pp_ref.errors import DataError

NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # Windows has neither the flag nor files that need it
OTHERS = {
    stat.S_IFDIR: "it is a folder",
    stat.S_IFIFO: "it is a FIFO",
    stat.S_IFCHR: "it is a character device",
    stat.S_IFBLK: "it is a block device",
    stat.S_IFSOCK: "it is a socket",
}


@contextmanager
def open_regular(path: Path, largest: float = math.inf) -> Iterator[BinaryIO]:
    """Open a regular file, or a link to one, to read.

    largest  bytes, the largest size that the file can have
    raises   OSError for a larger file, or one that cannot be opened; for a folder, FIFO, device or socket at once, before
             it is opened: opening a FIFO waits for its writer, and opening a device can act on it
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


def reason(error: Exception) -> str:
    """Return an error's own words in one line, for a message: the system's, without its number, if it is an OSError."""
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__


def _check_regular(status: os.stat_result, largest: float) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(OTHERS.get(stat.S_IFMT(status.st_mode), "it is no regular file"))
    if status.st_size > largest:
        raise OSError(f"it has {status.st_size:,} bytes, expected at most {largest:,}")


@contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """Yield a file beside ``path`` to write into. At the end it is flushed to the disk and renamed to ``path``.

    A reader sees the old file or the new one. After an error in the block the old file is unchanged.
    raises  DataError if it cannot be written (a full disk, say)
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{path} could not be written: {error.strerror or error}; an older file is unchanged: "
            "free some space or choose another folder, and run again"
        ) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` as `written_atomically` does."""
    with written_atomically(path) as file:
        file.write(content)
