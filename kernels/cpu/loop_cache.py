"""Numba's cache of compiled loops, without which they still run: a damaged file is written anew."""

import pickle
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

from pp_ref.files import read_regular, reason

__all__ = ["LoopCache"]

LARGEST = 2**26  # bytes of one file; compiled loops have about 2**17
CHECKSUM = sha256().digest_size
ANNOUNCED: set[str] = set()  # folders that were warned of


class LoopCache(FunctionCache):
    """The cache of one function; a file in it that is damaged or cannot be written costs a compilation, and no error.

    raises  RuntimeError if Numba finds no folder that it may write to
    """

    def __init__(self, loops: Any) -> None:
        super().__init__(loops)
        self._cache_file = CheckedFiles(
            self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled loops for a signature; None if there are none, or if a file of them is damaged."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # what is unpickled may raise anything
            try:
                self.flush()
            except OSError as error:
                _announce(self._cache_path, reason(error))
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write the compiled loops for a signature; after an error there is one warning, and they are not kept."""
        try:
            super().save_overload(sig, data)
        except Exception as error:  # another process may have damaged the files since
            _announce(self._cache_path, reason(error))


class CheckedFiles(IndexDataCacheFile):
    """The cache's files with a checksum at their end, which is compared before anything is unpickled or run.

    An unpickler reads no further than the end of the pickle, so Numba's own reader does not notice the checksum.
    """

    def _dump(self, obj: Any) -> bytes:
        content: bytes = super()._dump(obj)
        return content + sha256(content).digest()

    def _load_index(self) -> Any:
        if Path(self._index_path).exists():
            self._check(self._index_path)
        return super()._load_index()

    def _load_data(self, name: str) -> Any:
        self._check(self._data_path(name))
        return super()._load_data(name)

    def _check(self, path: str) -> None:
        # In an index Numba's version precedes what `_dump` returned.
        content = read_regular(Path(path), LARGEST).removeprefix(pickle.dumps(self._version, protocol=-1))
        if sha256(content[:-CHECKSUM]).digest() != content[-CHECKSUM:]:
            raise ValueError("its content does not have its checksum")


def _announce(folder: str, why: str) -> None:
    """Warn once for a folder."""
    if folder not in ANNOUNCED:
        ANNOUNCED.add(folder)
        warnings.warn(
            f"compiled loops cannot be kept in {folder} ({why}), so that each process compiles them again: free some "
            "space, or set NUMBA_CACHE_DIR to another folder",
            RuntimeWarning,
            stacklevel=2,
        )
