"""The IDX format of the MNIST files: a magic number, big-endian sizes, then the numbers, and nothing after them."""

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.errors import DataError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read one IDX file, gzip-compressed or not (its first bytes decide, not its name).

    path     a file: two zero bytes, a type byte, the number of axes, one big-endian uint32 per axis, the numbers
    returns  a writable array of the stored shape, in the stored type with the machine's byte order
    raises   DataError if the file is missing, its gzip data are corrupt or cut short, the header is not IDX, or the
             length differs from the header's

    Source: the format's description on the MNIST page of LeCun, Cortes and Burges.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); expected an IDX file, gzip or not") from error
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} is a corrupt gzip file ({error}); fetch it again") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in TYPES or data[3] == 0:
        raise DataError(
            f"{path} begins with the bytes {data[:4].hex(' ') or '(none)'}; expected an IDX file's 00 00, a type "
            f"({', '.join(f'{code:02x}' for code in TYPES)}) and a number of axes >= 1: check that it is the right file"
        )
    dtype, axes = np.dtype(TYPES[data[2]]), data[3]
    start = 4 + 4 * axes
    if len(data) < start:
        raise DataError(f"{path} ends inside its header of {start} bytes, after {len(data)}: fetch it again")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", axes, 4))
    expected = start + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        what = "is truncated" if len(data) < expected else "has trailing bytes"
        raise DataError(
            f"{path} {what}: {len(data)} bytes (uncompressed), expected {expected} for shape {shape} of "
            f"{dtype.newbyteorder('=').name}: fetch it again"
        )
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
