"""Arrays in files that can be computed again: mapped, checked at each use, bounded in size and safe to delete.

A file is a plain .npy file with the SHA-256, in hex, of everything before it at the end.
"""

import io
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from pp_ref.errors import DataError
from pp_ref.files import open_regular, reason, written_atomically

__all__ = ["kept_array", "make_room"]

CHECKSUM = 64  # characters at the end of the file
LIMIT = 4 * 2**30  # bytes of a folder


def kept_array(
    path: Path,
    dtype: DTypeLike,
    shape: tuple[int, ...],
    blocks: Callable[[], Iterable[NDArray[Any]]],
    what: str,
) -> NDArray[Any]:
    """Return an array, mapped read-only from its file; write the file if it is not there.

    path    of a .npy file; its name says all that decides the array. Its folder is created if missing
    dtype   of the array
    shape   of the array
    blocks  () -> its rows in order, in parts of any length; called only if there is no file
    what    the array in words, for messages, such as "the pooled input"
    raises  DataError if the file cannot be written or read, or is damaged: its bytes are compared with their checksum,
            which takes about as long as a copy
    """
    description = {"descr": npy.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(head := io.BytesIO(), description)
    header = head.getvalue()
    if not os.path.exists(path):
        with written_atomically(path) as file:
            file.write(header)
            checksum = sha256(header)
            for block in blocks():
                rows = np.ascontiguousarray(block).data
                checksum.update(rows)
                file.write(rows)
            file.write(checksum.hexdigest().encode())
    with suppress(OSError):
        os.utime(path)  # it was used now
    return _mapped(path, header, np.dtype(dtype), shape, what)


def make_room(folder: Path, limit: int = LIMIT) -> None:
    """Delete the .npy files of a folder that were used longest ago, until the others have at most so many bytes.

    limit  bytes >= 0

    A process that has mapped a file keeps its array. Files that cannot be deleted stay.
    """
    used = 0
    for path in sorted(folder.glob("*.npy"), key=_last_use, reverse=True):
        with suppress(OSError):
            used += path.stat().st_size
            if used > limit:
                path.unlink()


def _last_use(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process has deleted it
        return 0.0


def _mapped(path: Path, header: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], what: str) -> NDArray[Any]:
    """Map the array behind a header of a checked file."""
    end = len(header) + dtype.itemsize * int(np.prod(shape))

    def damaged(why: str) -> DataError:
        return DataError(f"{path} is not {what} that was written there ({why}): delete it to compute it again")

    try:
        with open_regular(path) as file:
            if (size := os.fstat(file.fileno()).st_size) != end + CHECKSUM:
                raise damaged(f"it has {size:,} bytes, expected {end + CHECKSUM:,}")
            if file.read(len(header)) != header:
                raise damaged(f"it does not begin with the header of {dtype} {shape}")
            file.seek(end)
            expected = file.read()
            array = np.memmap(file, dtype, "r", len(header), shape)
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({reason(error)}): make it readable, or choose another folder"
        ) from error
    checksum = sha256(header)
    checksum.update(array.data)
    if expected != checksum.hexdigest().encode():
        raise damaged("its content does not have its checksum")
    return array.view(np.ndarray)  # the type that kernels take; its base is the map
