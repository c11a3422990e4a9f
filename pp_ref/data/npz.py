"""One array of a NumPy archive, read without unpickling anything."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pp_ref.errors import DataError


def read_npz(path: Path, name: str) -> NDArray[Any]:
    """Read the array ``name`` of a .npz file.

    raises  DataError if the file is missing, cut short or not an archive, or has no such array, or if the array holds
            Python objects: reading them would run code from the file
    """
    try:
        # np.load does not close a damaged file that it opened itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return np.asarray(arrays[name])
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} cannot be read ({type(error).__name__}: {reason}); expected a .npz archive with the array {name}: "
            "fetch it again"
        ) from error
