"""Files are written whole or not at all."""

import os
from pathlib import Path

from pp_ref.errors import DataError


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside `path`, flush to the disk, then rename into place: a reader sees the old file or the new one.

    raises  DataError if it cannot be written (a full disk, say); the old file is then untouched
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                file.write(content)
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
