"""A first layer's pooled input, computed once for a data set, in memory or in a file."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import Array
from pp_ref.brief import brief
from pp_ref.errors import DomainError
from pp_ref.kept import kept_array

__all__ = ["PooledInput", "pooled_file"]

BLOCK = 4096  # examples in memory at once, a multiple of the kernels' tile
FORMAT = b"pp_ref.pooled 2 "  # files of another version have other names


@brief
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
    raises   DomainError for an array of another library; DataError as `kept_array`
    """
    if not isinstance(x, np.ndarray):
        raise DomainError(f"x is a {type(x).__name__}, expected a NumPy array to pool into a file: omit folder")
    named, dtype = sha256(FORMAT), pool(x[:0]).dtype
    for array in (x, *U):
        named.update(f"{array.shape} {array.dtype} ".encode())
        named.update(np.ascontiguousarray(array).data)
    path = Path(folder) / f"pooled-{named.hexdigest()[:32]}.npy"
    shape = (len(x), sum(U_j.shape[1] for U_j in U))
    return kept_array(
        path,
        dtype,
        shape,
        lambda: (pool(x[start : start + BLOCK]) for start in range(0, len(x), BLOCK)),
        "the pooled input",
    )
