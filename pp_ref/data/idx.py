"""The IDX format of the MNIST files: a magic number, big-endian sizes, then the numbers, and nothing after them."""

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pp_ref.errors import DataError
from pp_ref.files import open_regular, packed_size, reason

__all__ = ["LARGEST", "parse_idx", "read_idx"]

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
AXES = 64  # the most that a NumPy array has
LARGEST = 60_000 * 28 * 28  # bytes of the numbers in MNIST's largest file, the training images


def read_idx(path: str | os.PathLike[str], largest: int = LARGEST) -> NDArray[Any]:
    """Read one IDX file, gzip-compressed or not (its first bytes decide, not its name).

    path     a file: two zero bytes, a type byte, the number of axes, one big-endian uint32 per axis, the numbers
    largest  int, the most bytes that the numbers may take; a header that says more is refused before they are read
    returns  a writable array of the stored shape, in the stored type with the machine's byte order
    raises   DataError if the file is missing or no regular file, its gzip data are corrupt or cut short, the header is
             not IDX or declares more than ``largest``, or the length differs from the header's

    Source: the format's description on the MNIST page of LeCun, Cortes and Burges.

    Examples
    --------
    >>> from pathlib import Path
    >>> from pp_ref.data import read_idx
    >>> _ = Path("labels.idx").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))  # bytes, one axis, of length 3
    >>> read_idx("labels.idx")
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    try:
        with open_regular(path, packed_size(4 + 4 * AXES + largest)) as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            return parse_idx(path, gzip.GzipFile(fileobj=file) if packed else file, largest)
    except DataError:
        raise
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is a corrupt gzip file ({error}); fetch it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({reason(error)}); expected an IDX file, gzip or not") from error


def parse_idx(path: Path, file: BinaryIO | gzip.GzipFile, largest: int) -> NDArray[Any]:
    """Parse the uncompressed bytes; read no more of them than the header declares, and one."""
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES or not 1 <= head[3] <= AXES:
        raise DataError(
            f"{path} begins with the bytes {head.hex(' ') or '(none)'}; expected an IDX file's 00 00, a type "
            f"({', '.join(f'{code:02x}' for code in TYPES)}) and a number of axes, 1 to {AXES}: check that it is the "
            "right file"
        )
    dtype, axes = np.dtype(TYPES[head[2]]), head[3]
    start, sizes = 4 + 4 * axes, file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise DataError(f"{path} ends inside its header of {start} bytes, after {4 + len(sizes)}: fetch it again")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    declared = f"shape {shape} of {dtype.newbyteorder('=').name}"
    count = math.prod(shape) * dtype.itemsize
    if count > largest:
        raise DataError(
            f"{path} declares {count:,} bytes of numbers, {declared}; expected at most {largest:,}: fetch it again, or "
            "call read_idx with a larger largest="
        )
    data = file.read(count + 1)
    if len(data) != count:
        what = "is truncated" if len(data) < count else "has trailing bytes"
        at_least = "" if len(data) < count else "at least "
        raise DataError(
            f"{path} {what}: {at_least}{start + len(data)} bytes (uncompressed), expected {start + count} for "
            f"{declared}: fetch it again"
        )
    try:
        return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))
    except ValueError as error:  # some sizes are too large for an array although another one is 0
        raise DataError(f"{path} declares {declared}, which no array can have ({error}): fetch it again") from error
