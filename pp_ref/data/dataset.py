"""Data sets in memory: images with labels, or images alone."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.brief import brief

__all__ = ["Dataset", "Images", "Split"]


@brief
class Split(NamedTuple):
    """Images and their labels.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.data import Split
    >>> split = Split(np.zeros((3, 4), np.float32), np.array([0, 1, 2]))
    >>> split
    Split(x=<float32 (3, 4)>, y=<int64 (3,)>)
    >>> x, y = split
    """

    x: NDArray[Any]  # (n, ...) one image per row; the loader states dtype, shape and range
    y: NDArray[np.int64]  # (n,) in 0..9


@brief
class Dataset(NamedTuple):
    """Training and test images with labels, and their source.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.data import Dataset, Split
    >>> split = Split(np.zeros((3, 4), np.float32), np.array([0, 1, 2]))
    >>> data = Dataset("zeros", train=split, test=split, source="made here", digest="none")
    >>> data.train.x.shape, data.name
    ((3, 4), 'zeros')
    """

    name: str
    train: Split
    test: Split
    source: str  # in words, with checksums of the files
    digest: str  # SHA-256 over pixels and labels in order, so that it depends on the split


@brief
class Images(NamedTuple):
    """Images without labels, for patches, and their source.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.data import Images
    >>> Images("black", np.zeros((2, 8, 8, 3), np.uint8), source="made here", digest="none")
    Images(name='black', x=<uint8 (2, 8, 8, 3)>, source='made here', digest='none')
    """

    name: str
    x: NDArray[np.uint8]  # (n, height, width, channels), values 0..255
    source: str  # in words
    digest: str  # SHA-256 over the pixels as bytes, in the loader's order
