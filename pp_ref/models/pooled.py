"""A first layer's pooled input, computed once for a data set, in memory or in a file."""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pp_ref.arrays import Array
from pp_ref.errors import DataError, DomainError
from pp_ref.files import open_regular, reason, written_atomically

__all__ = ["PooledInput", "pooled_file"]

BLOCK = 4096  # examples in memory at once, a multiple of the kernels' tile
CHECKSUM = 64  # characters at the end of the file: the SHA-256, in hex, of everything before them
FORMAT = b"pp_ref.pooled 2 "  # files of another version have other names


@dataclass(frozen=True)
class PooledInput:
    """A first layer's pooled input, all columns side by side; indices select rows, as they do in x."""

    array: Array  # (n, k_1 + ... + k_J)
    widths: tuple[int, ...]  # k_1, ..., k_J

    def __getitem__(self, rows: Any) -> "PooledInput":
        return PooledInput(self.array[rows], self.widths)

    def columns(self) -> list[Array]:
        """The J arrays (n, k_j), as views."""
        ends = np.cumsum(self.widths)
        return [self.array[:, end - k : end] for k, end in zip(self.widths, ends, strict=True)]


def pooled_file(
    folder: str | os.PathLike[str], x: Array, U: Sequence[NDArray[Any]], pool: Callable[[Array], Array]
) -> NDArray[Any]:
    """Return [x U_1, ..., x U_J], mapped read-only from a file; write the file if it is not there.

    folder   created if missing; the SHA-256 of format, version, x and U names the file, so each has its own
    x        (n, d) a NumPy array
    U        J arrays (d, k_j) of the dictionary
    pool     (rows of x) -> their pooled input; called with at most 4096 examples, so only these are in memory
    returns  (n, k_1 + ... + k_J)
    raises   DomainError for an array of another library; DataError if the file cannot be written or read, or is
             damaged: its bytes are compared with their checksum, which takes about as long as a copy
    """
    if not isinstance(x, np.ndarray):
        raise DomainError(f"x is a {type(x).__name__}, expected a NumPy array to pool into a file: omit folder")
    named, dtype = sha256(FORMAT), pool(x[:0]).dtype
    for array in (x, *U):
        named.update(f"{array.shape} {array.dtype} ".encode())
        named.update(np.ascontiguousarray(array).data)
    path = Path(folder) / f"pooled-{named.hexdigest()[:32]}.npy"
    shape = (len(x), sum(U_j.shape[1] for U_j in U))
    npy.write_array_header_1_0(
        head := io.BytesIO(), {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )
    header = head.getvalue()
    if not os.path.exists(path):
        with written_atomically(path) as file:
            file.write(header)
            checksum = sha256(header)
            for start in range(0, len(x), BLOCK):
                block = np.ascontiguousarray(pool(x[start : start + BLOCK])).data
                checksum.update(block)
                file.write(block)
            file.write(checksum.hexdigest().encode())
    return _mapped(path, header, dtype, shape)


def _mapped(path: Path, header: bytes, dtype: np.dtype[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Map the array behind a header of a checked file."""
    end = len(header) + dtype.itemsize * shape[0] * shape[1]
    try:
        with open_regular(path) as file:
            if (size := os.fstat(file.fileno()).st_size) != end + CHECKSUM:
                raise _damaged(path, f"it has {size:,} bytes, expected {end + CHECKSUM:,}")
            if file.read(len(header)) != header:
                raise _damaged(path, f"it does not begin with the header of {dtype} {shape}")
            file.seek(end)
            expected = file.read()
            pooled = np.memmap(file, dtype, "r", len(header), shape)
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({reason(error)}): make it readable, or choose another folder"
        ) from error
    checksum = sha256(header)
    checksum.update(pooled.data)
    if expected != checksum.hexdigest().encode():
        raise _damaged(path, "its content does not have its checksum")
    return pooled.view(np.ndarray)  # the type that kernels take; its base is the map


def _damaged(path: Path, why: str) -> DataError:
    return DataError(f"{path} is not the pooled input that was written there ({why}): delete it to pool again")
