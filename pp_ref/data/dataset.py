"""What every data set is once it is read: images beside their labels, or images alone."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset", "Images", "Split"]


class Split(NamedTuple):
    """Images beside their labels."""

    x: NDArray[Any]  # (n, ...) one image a row; dtype, shape and range as the loader says, C-contiguous
    y: NDArray[np.int64]  # (n,) in 0..9


class Dataset(NamedTuple):
    """What a model is trained on, what it is judged on, and where both came from."""

    name: str
    train: Split
    test: Split
    source: str  # in words, with the SHA-256 of what was read
    digest: str  # SHA-256 over pixels and labels, so over the split and its order too


class Images(NamedTuple):
    """Images without labels, to take patches from, and where they came from."""

    name: str
    x: NDArray[np.uint8]  # (n, height, width, channels), values 0..255
    source: str  # in words
    digest: str  # SHA-256 over the pixels as bytes, in the order that the loader says
