"""Files that are written whole or not at all, and regular files to read.

A file is written under a name of its own beside its place, ``.NAME.RANDOM.part``, and then renamed. A program that is
killed leaves such a file. Nothing reads it: it can be removed when no program writes NAME any more.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from pp_ref.errors import DataError

__all__ = ["open_regular", "part_beside", "read_regular", "write_atomically", "written_atomically"]

NO_WAITING = getattr(os, "O_NONBLOCK", 0)  # Windows has neither the flag nor files that need it


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


def _keep_name(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can: the file is whole under either name."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file, or a link to one, to read.

    raises  OSError; of anything else, such as a pipe or a device, at once: opening a pipe would wait for its writer
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | NO_WAITING)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("it is no regular file")
        yield file


def read_regular(path: Path, largest: int) -> bytes:
    """Return the content of a regular file of at most ``largest`` bytes; raise OSError of anything else."""
    with open_regular(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > largest:
            raise OSError(f"it has {size:,} bytes, expected at most {largest:,}")
        return file.read(size)
