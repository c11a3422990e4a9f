"""Files that are written whole or not at all, and files that are read only up to an expected size."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pp_ref.errors import DataError

OTHERS = {
    stat.S_IFDIR: "it is a folder",
    stat.S_IFIFO: "it is a FIFO",
    stat.S_IFCHR: "it is a character device",
    stat.S_IFBLK: "it is a block device",
    stat.S_IFSOCK: "it is a socket",
}


def open_file(path: Path, largest: int, expected: str) -> BinaryIO:
    """Open a regular file, or a link to one, of at most ``largest`` bytes for reading.

    largest   int, bytes: the size of the largest file that the reader can need
    expected  in words: what the file should be, and what to do if it is not
    raises    DataError with ``expected`` if there is no such file, if it may not be read or is larger, or if it is a
              folder, a FIFO, a device or a socket: these are refused without a wait and without being opened
    """
    try:
        _check_regular(os.stat(path), largest)
        file = open(path, "rb", opener=_without_waiting)
        try:
            _check_regular(os.fstat(file.fileno()), largest)  # it may have been replaced since
        except OSError:
            file.close()
            raise
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        raise _unreadable(path, error, expected) from error
    return file


def read_file(path: Path, largest: int, expected: str) -> bytes:
    """Return the content of a file that `open_file` opens; the arguments and errors are the same."""
    with open_file(path, largest, expected) as file:
        try:
            return file.read(min(os.fstat(file.fileno()).st_size, largest))
        except OSError as error:
            raise _unreadable(path, error, expected) from error


def _check_regular(status: os.stat_result, largest: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(OTHERS.get(stat.S_IFMT(status.st_mode), "it is no regular file"))
    if status.st_size > largest:
        raise OSError(f"it has {status.st_size:,} bytes, more than {largest:,}")


def _without_waiting(path: str, flags: int) -> int:
    """Open as the system does, but return at once if a FIFO without a writer has taken the file's name."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has neither


def _unreadable(path: Path, error: OSError | ValueError, expected: str) -> DataError:
    reason = getattr(error, "strerror", None) or error
    return DataError(f"{path} cannot be read ({reason}); expected {expected}")


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
