"""Validation images: training images that are held out, on which rates and settings are chosen."""

from hashlib import sha256

import numpy as np

from pp_ref.arrays import check_integer
from pp_ref.data.dataset import Dataset, Split
from pp_ref.errors import DomainError

__all__ = ["HELD_OUT", "SEED", "hold_out"]

HELD_OUT = {"mnist": 10_000, "cifar10": 5_000, "digits": 1_000}  # images, by the name of the data set
SEED = 0  # of the rows: every run that chooses a setting holds out the same images


def hold_out(data: Dataset, images: int, seed: int = SEED) -> Dataset:
    """Return the training images without some that are held out; these take the place of the test images.

    images   1 to n - 1 of the n training images, drawn uniformly without replacement
    seed     of the draw; the seed of a run's start is another one
    returns  Dataset; both parts keep the order of the training images, and the test images are not in it. Its digest is
             the SHA-256 of the digest of the data and the rows (int64) that are held out
    raises   DomainError

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.data import Dataset, Split, hold_out
    >>> split = Split(np.arange(6.0)[:, None], np.arange(6))
    >>> held = hold_out(Dataset("six", split, split, "made here", "none"), images=2)
    >>> held.train.y, held.test.y
    (array([0, 1, 2, 5]), array([3, 4]))
    """
    n = len(data.train.y)
    check_integer(1, images=images)
    if images >= n:
        raise DomainError(
            f"images is {images}, but {data.name} has {n} training images: expected fewer, so that some are left to "
            "train on"
        )
    rows = np.sort(np.random.default_rng(seed).choice(n, images, replace=False)).astype(np.int64)
    kept = np.setdiff1d(np.arange(n), rows)
    said = f"{images:,} of the training images are held out for validation (rows drawn with seed {seed})"
    return Dataset(
        f"{data.name}, {images} held out",
        Split(data.train.x[kept], data.train.y[kept]),
        Split(data.train.x[rows], data.train.y[rows]),
        f"{data.source}; {said}",
        sha256(data.digest.encode() + rows.tobytes()).hexdigest(),
    )
