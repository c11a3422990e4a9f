"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pp_ref.errors import DataError


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
