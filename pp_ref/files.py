"""Files are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pp_ref.errors import DataError


@contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path` to write into; at the end it is flushed to the disk, then renamed into place: a reader sees
    the old file or the new one.

    raises  DataError if it cannot be written (a full disk, say); the old file is then untouched, as it is after any
            other error in the block
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
            f"{path} could not be written: {error.strerror or error}; what was there before is untouched: "
            "free some space or choose another folder, and run again"
        ) from error


def write_atomically(path: Path, content: bytes) -> None:
    """The same for content that is in memory."""
    with written_atomically(path) as file:
        file.write(content)
