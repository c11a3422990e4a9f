"""A first layer's pooled input, computed once for a data set, in memory or in a file."""

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
from pp_ref.files import written_atomically

__all__ = ["PooledInput", "pooled_file"]

BLOCK = 4096  # examples in memory at once, a multiple of the kernels' tile
DIGEST = 64  # characters at the end of the file: the SHA-256 of the array's bytes


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

    folder   created if missing; the SHA-256 of x and U names the file, so other data or another dictionary has its own
    x        (n, d) a NumPy array
    U        J arrays (d, k_j) of the dictionary
    pool     (rows of x) -> their pooled input; called with at most 4096 examples, so only these are in memory
    returns  (n, k_1 + ... + k_J)
    raises   DomainError for an array of another library; DataError if the file cannot be written, or is damaged: its
             bytes are compared with their SHA-256, which takes about as long as a copy
    """
    if not isinstance(x, np.ndarray):
        raise DomainError(f"x is a {type(x).__name__}, expected a NumPy array to pool into a file: omit folder")
    named, dtype = sha256(), pool(x[:0]).dtype
    for array in (x, *U):
        named.update(f"{array.shape} {array.dtype} ".encode())
        named.update(np.ascontiguousarray(array).data)
    path = Path(folder) / f"pooled-{named.hexdigest()[:32]}.npy"
    shape = (len(x), sum(U_j.shape[1] for U_j in U))
    if not path.exists():
        content = sha256()
        with written_atomically(path) as file:
            npy.write_array_header_1_0(
                file, {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            )
            for start in range(0, len(x), BLOCK):
                block = np.ascontiguousarray(pool(x[start : start + BLOCK])).data
                content.update(block)
                file.write(block)
            file.write(content.hexdigest().encode())
    try:
        pooled: NDArray[Any] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, str(error)) from error
    if (pooled.shape, pooled.dtype) != (shape, dtype):
        raise _damaged(path, f"it holds {pooled.dtype} {pooled.shape}, expected {dtype} {shape}")
    with path.open("rb") as file:
        file.seek(-DIGEST, os.SEEK_END)
        if file.read() != sha256(np.ascontiguousarray(pooled).data).hexdigest().encode():
            raise _damaged(path, "its bytes do not have the SHA-256 behind them")
    return pooled.view(np.ndarray)  # the type that kernels take; its base is the map


def _damaged(path: Path, why: str) -> DataError:
    return DataError(f"{path} is not the pooled input that was written there ({why}): delete it to pool again")
