"""Arrays of bytes in NumPy's files, read without unpickling anything: one of a .npz archive, or a mapped .npy file."""

import io
import math
import struct
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pp_ref.errors import DataError
from pp_ref.files import open_regular, read_regular, reason

__all__ = ["check_directory", "check_header", "map_npy", "read_npz"]

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
LONGEST = 1000  # characters of a header; that of an array of numbers has about 100
DIRECTORY = 2**14  # bytes of an archive's table of contents
END = struct.Struct("<4s8xI6x")  # the end of an archive without a comment: its mark, the size of its table of contents


def read_npz(path: Path, name: str, shape: tuple[int, ...], largest: int) -> NDArray[np.uint8]:
    """Read the array ``name`` of a .npz file, which has to be uint8 of ``shape``.

    largest  int, bytes: the size of the largest file that holds it
    returns  a writable, C-contiguous array
    raises   DataError if the file is missing, larger, no regular file, cut short or not an archive as np.savez and
             np.savez_compressed write it, or if it has no such array or another one, which is not decompressed
    """
    try:
        content = read_regular(path, largest)
        check_directory(content)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            member = archive.getinfo(f"{name}.npy")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"its compression is number {member.compress_type}, expected 0 or 8")
            with archive.open(member) as file:
                fortran = check_header(path, file, shape)
                data = file.read(math.prod(shape) + 1)  # its CRC is compared at the end
        return np.array(np.frombuffer(data, np.uint8).reshape(shape, order="F" if fortran else "C"), order="C")
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and the parser of the header raise errors of many kinds
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {reason(error)}); expected a .npz archive with the array "
            f"{name}: fetch it again"
        ) from error


def map_npy(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Map the array of a .npy file into memory, read-only.

    raises  DataError if the file is missing, no regular file, cut short or damaged, or if it holds anything but uint8
            of ``shape`` in C order
    """
    try:
        with open_regular(path) as file:
            if check_header(path, file, shape):
                raise ValueError("it is in Fortran order")
            return np.memmap(file, np.uint8, "r", file.tell(), shape)
    except DataError:
        raise
    except Exception as error:  # as above
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {reason(error)}); expected a .npy file: delete it"
        ) from error


def check_header(path: Path, file: IO[bytes], shape: tuple[int, ...]) -> bool:
    """Read the header of an array, whose numbers follow; return whether they are in Fortran order.

    raises  DataError if it is not of uint8 of ``shape``
    """
    version = npy.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"version {version} of the .npy format, expected 1.0 or 2.0")
    got, fortran, dtype = HEADERS[version](file, max_header_size=LONGEST)
    if got != shape or dtype != np.uint8:
        raise DataError(f"{path} holds {dtype} {got}; expected uint8 {shape}: is it another file?")
    return bool(fortran)


def check_directory(content: bytes) -> None:
    """Refuse an archive whose table of contents is large: zipfile takes ten times its size in memory.

    raises  BadZipFile if it is, or if the archive ends in another way than without a comment and in the 32-bit format
    """
    end = content[-END.size :]
    mark, size = END.unpack(end) if len(end) == END.size else (b"", 0)
    if mark != b"PK\5\6" or end[-2:] != b"\0\0" or content[-END.size - 20 :][:4] == b"PK\6\7":
        raise zipfile.BadZipFile("it does not end as a .npz archive does")
    if size > DIRECTORY:
        raise zipfile.BadZipFile(f"its table of contents has {size:,} bytes, expected at most {DIRECTORY:,}")
