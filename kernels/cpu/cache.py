"""Numba's cache of machine code with check sums: a damaged file is compiled anew, and a full disk is no error.

Numba trusts every byte of its cache: a truncated file raises, and a flipped bit may change what the code computes.
"""

import hashlib
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

from pp_ref.files import read_regular

__all__ = ["CheckedCache"]

LARGEST = 2**26  # bytes of a file; a function's machine code has some 10,000
DIGEST = hashlib.sha256().digest_size


class CheckedFiles(IndexDataCacheFile):  # type: ignore[misc]
    """The index and the machine code of a function. Each pickle is followed by its SHA-256, which pickle does not read."""

    def _dump(self, obj: Any) -> bytes:
        content: bytes = super()._dump(obj)
        return content + hashlib.sha256(content).digest()

    def _load_index(self) -> dict[Any, Any]:
        """Return the names of the files by signature; none if the index is missing, damaged or of another version."""
        version = pickle.dumps(self._version, protocol=-1)  # what Numba writes before the index
        return super()._load_index() if _is_whole(self._index_path, len(version)) else {}

    def _load_data(self, name: str) -> Any:
        """Return the machine code; None if its file is missing or damaged."""
        return super()._load_data(name) if _is_whole(self._data_path(name), 0) else None


class CheckedCache(FunctionCache):  # type: ignore[misc]
    """The cache of one function.

    raises  RuntimeError if no folder can be written
    """

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = CheckedFiles(self._cache_path, self._impl.filename_base, locator.get_source_stamp())

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write what was compiled; do nothing if it cannot be written."""
        with suppress(OSError):
            super().save_overload(sig, data)


def _is_whole(path: str, start: int) -> bool:
    """Return whether the file's bytes from ``start`` on end with their SHA-256."""
    try:
        content = read_regular(Path(path), LARGEST)[start:]
    except OSError:
        return False
    return hashlib.sha256(content[:-DIGEST]).digest() == content[-DIGEST:]
