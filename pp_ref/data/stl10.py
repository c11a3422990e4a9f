"""STL-10: 13,000 labelled and 100,000 unlabelled colour images of 96 x 96, in the publisher's binary layout.

A file holds 3 x 96 x 96 bytes per image: channel after channel, column after column in each. The file is mapped into
memory, and a view exchanges the axes. Every file is compared with its published MD5.
"""

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.brief import brief
from pp_ref.data.dataset import Dataset, Images, Split
from pp_ref.data.npz import read_npz
from pp_ref.data.search import STL10_FILES, files_in, find_data
from pp_ref.data.tar import read_members
from pp_ref.errors import DataError
from pp_ref.files import open_regular, packed_size, reason

__all__ = [
    "CLASSES",
    "IMAGE",
    "OFFICIAL",
    "SIDE",
    "STL10",
    "UNLABELLED",
    "Edition",
    "as_images",
    "check_file",
    "fold_splits",
    "load_stl10",
    "load_stl10_sample",
    "load_stl10_unlabelled",
    "map_file",
    "parse_folds",
    "read_checked",
]

CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
SIDE = 96
IMAGE = 3 * SIDE * SIDE  # bytes
FOLDS = 10
INDEX = 8  # characters, more than a row of the training images and the space behind it take
CHUNK = 2**20  # bytes that are read at a time, for several hashes
UNLABELLED = "unlabeled_X.bin"
SAMPLE_SHAPE = (246, SIDE, SIDE, 3)
NAMES = 2**20  # bytes of the other array in the file of the sample
SAMPLE_DIGEST = "a26c8767f98e31560ded0bca8fbcd4bec409da612cb9746684487b380f72a7e3"


class Edition(NamedTuple):
    """The expected content of the files."""

    train: int  # images
    test: int
    unlabelled: int
    fold: int  # training images in each fold
    md5: dict[str, str]  # file -> its MD5

    def size(self, file: str) -> int | None:
        """Return the size of a file in bytes; None for the folds, which are text."""
        images = {"train": self.train, "test": self.test, "unlabeled": self.unlabelled}.get(file.split("_")[0])
        return None if images is None else images * (IMAGE if file.endswith("X.bin") else 1)

    def largest(self, file: str) -> int:
        """Return the most bytes that are read of a file: one more than it has, which shows that it is too long."""
        size = self.size(file)
        return FOLDS * (self.fold + 1) * INDEX if size is None else size + 1


OFFICIAL = Edition(
    train=5_000,
    test=8_000,
    unlabelled=100_000,
    fold=1_000,
    md5={
        "train_X.bin": "918c2871b30a85fa023e0c44e0bee87f",
        "train_y.bin": "5a34089d4802c674881badbb80307741",
        "test_X.bin": "7f263ba9f9e0b06b93213547f721ac82",
        "test_y.bin": "36f9794fa4beb8a2c72628de14fa638e",
        "fold_indices.txt": "4bbf8cd098ab9f87fe03fbcb37c06b28",
        UNLABELLED: "5242ba1fed5e4be9e1e742405eb56ca4",
    },
)


@brief
class STL10(NamedTuple):
    """The labelled images, and the rows of the training images in each of ten folds.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.data import STL10, Dataset, Split
    >>> split = Split(np.zeros((4, 96, 96, 3), np.uint8), np.arange(4))
    >>> stl10 = STL10(Dataset("four", split, split, "made here", "none"), folds=np.array([[0, 1], [2, 3]]))
    >>> stl10.folds.shape
    (2, 2)
    """

    data: Dataset
    folds: NDArray[np.int64]  # (10, 1000) in 0..4999; folds overlap


def load_stl10(path: str | os.PathLike[str] | None = None) -> STL10:
    """Load STL-10's labelled part: 5,000 training and 8,000 test images, in the published order.

    path     a folder with the unpacked files (or their folder stl10_binary) or with the archive, or the archive; None
             searches as `pp_ref.data.search.find_data`: $PP_REF_DATA, the user's cache, a download of 2.6 GB
    returns  STL10; x uint8 (n, 96, 96, 3), channels last, read-only; y int64 (n,) in 0..9, by CLASSES
    raises   DataError if the data are not found, cannot be read, or are not STL-10's to the bit

    x is a view of a memory-mapped file with its axes exchanged: it is not C-contiguous, and is read when it is used. An
    archive is decompressed at each call into 360 MB of memory: unpack it once instead. Coates and others first reduce
    images to 32 x 32, by the mean of 3 x 3 pixels: `average_pool2d_forward`.
    Source: Coates, Ng, Lee, An analysis of single-layer networks in unsupervised feature learning, 2011.

    Examples
    --------
    >>> from pp_ref.data import load_stl10
    >>> stl10 = load_stl10()  # doctest: +SKIP
    >>> stl10.data.train.x.shape, stl10.folds.shape  # doctest: +SKIP
    ((5000, 96, 96, 3), (10, 1000))
    """
    files = read_checked(STL10_FILES, path, OFFICIAL)
    train, test = (
        Split(as_images(files[f"{part}_X.bin"]), files[f"{part}_y.bin"].astype(np.int64) - 1)
        for part in ("train", "test")
    )
    digest = hashlib.sha256()
    for file in STL10_FILES[:4]:
        digest.update(files[file].data)
    sums = ", ".join(f"{file} (MD5 {OFFICIAL.md5[file]})" for file in STL10_FILES)
    data = Dataset("stl10", train, test, f"STL-10, binary files: {sums}", digest.hexdigest())
    return STL10(data, parse_folds("fold_indices.txt", files["fold_indices.txt"].tobytes(), OFFICIAL))


def load_stl10_unlabelled(path: str | os.PathLike[str] | None = None) -> Images:
    """Load STL-10's 100,000 unlabelled images, for learning filters.

    path     as for `load_stl10`
    returns  Images; x uint8 (100000, 96, 96, 3), a view as for `load_stl10`; the digest is that of the file's bytes
    raises   DataError as for `load_stl10`, or if the folder lacks unlabeled_X.bin

    The 2.8 GB are read once, for checksum and digest together. From an archive they are held in memory.

    Examples
    --------
    >>> from pp_ref.data import load_stl10_unlabelled
    >>> load_stl10_unlabelled().x.shape  # doctest: +SKIP
    (100000, 96, 96, 3)
    """
    digest = hashlib.sha256()
    pixels = read_checked((UNLABELLED,), path, OFFICIAL, digest)[UNLABELLED]
    source = f"STL-10, binary files: {UNLABELLED} (MD5 {OFFICIAL.md5[UNLABELLED]})"
    return Images("stl10-unlabelled", as_images(pixels), source, digest.hexdigest())


def load_stl10_sample(path: str | os.PathLike[str] | None = None) -> Images:
    """Load 246 of STL-10's unlabelled images: enough for patches of its resolution, no substitute for the data set.

    path     a folder with stl10_unlabeled_sample246.npz, or that file; None searches as `find_data`
    returns  Images; x uint8 (246, 96, 96, 3), RGB, C-contiguous
    raises   DataError if they are not found, cannot be read, or are not those images to the bit

    They were chosen by hand as examples of fine categories, so the sample is not a random one.

    Examples
    --------
    >>> from pp_ref.data import load_stl10_sample
    >>> load_stl10_sample().x.shape  # doctest: +SKIP
    (246, 96, 96, 3)
    """
    (file,) = files_in("stl10-sample", find_data("stl10-sample", path))
    x = read_npz(file, "X", SAMPLE_SHAPE, packed_size(math.prod(SAMPLE_SHAPE)) + NAMES)
    digest = hashlib.sha256(x.data).hexdigest()
    if digest != SAMPLE_DIGEST:
        raise DataError(f"{file} holds pixels with SHA-256 {digest}; expected {SAMPLE_DIGEST}: fetch it again")
    return Images("stl10-sample", x, f"246 unlabelled images of STL-10 (SHA-256 of pixels {digest})", digest)


def fold_splits(stl10: STL10) -> Iterator[Split]:
    """Yield the training images of each of the ten folds, C-contiguous, 28 MB each.

    The published protocol: train on each fold alone, test on all test images, report the mean of the ten.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.data import STL10, Dataset, Split, fold_splits
    >>> split = Split(np.zeros((4, 96, 96, 3), np.uint8), np.arange(4))
    >>> stl10 = STL10(Dataset("four", split, split, "made here", "none"), folds=np.array([[0, 1], [2, 3]]))
    >>> [fold.y for fold in fold_splits(stl10)]
    [array([0, 1]), array([2, 3])]
    """
    x, y = stl10.data.train
    for rows in stl10.folds:
        yield Split(np.ascontiguousarray(x[rows]), y[rows])


def as_images(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a read-only view (n, 96, 96, 3) of the bytes, which are (image, channel, column, row)."""
    images = pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 3, 2, 1)
    images.flags.writeable = False
    return images


def read_checked(
    names: Sequence[str], path: str | os.PathLike[str] | None, edition: Edition, *also: Any
) -> dict[str, NDArray[np.uint8]]:
    """Return the bytes of each named file, mapped or read from the archive, and checked against the edition.

    also    hashes to update with the same bytes, in the order in which the files are found
    raises  DataError for a file that is missing or not the published one
    """
    found = files_in("stl10", find_data("stl10", path))
    contents = {}
    if len(found) == 1:
        members = {f"stl10_binary/{name}": name for name in names}
        wanted = {member: edition.largest(name) for member, name in members.items()}
        for member, content in read_members(found[0], wanted, sum(map(edition.largest, edition.md5))):
            where, data = f"{found[0]}: its member {member}", np.frombuffer(content, np.uint8)
            contents[members[member]] = check_file(where, members[member], data, edition, *also)
    else:
        for file in (found[0].parent / name for name in names):
            if os.path.lexists(file):
                data = map_file(file, edition.largest(file.name))
                contents[file.name] = check_file(str(file), file.name, data, edition, *also)
    if missing := [name for name in names if name not in contents]:
        raise DataError(
            f"{', '.join(missing)} of STL-10 {'is' if len(missing) == 1 else 'are'} missing in "
            f"{found[0] if len(found) == 1 else found[0].parent}; expected all of stl10_binary.tar.gz: "
            "fetch it again, or unpack it there as a whole"
        )
    return contents


def map_file(file: Path, largest: int) -> NDArray[np.uint8]:
    """Return the bytes of a file, mapped into memory; raise DataError if it is larger or cannot be read."""
    try:
        with open_regular(file, largest) as opened:
            # An empty file cannot be mapped.
            return np.memmap(opened, np.uint8, "r") if opened.read(1) else np.empty(0, np.uint8)
    except (OSError, ValueError) as error:  # NumPy raises a ValueError if the file was cut since
        raise DataError(f"{file} cannot be read ({reason(error)}); make it readable, or pass another path=") from error


def check_file(where: str, name: str, data: NDArray[np.uint8], edition: Edition, *also: Any) -> NDArray[np.uint8]:
    """Return the data if they are the published file; else raise DataError, which names the first fault.

    also  hashes to update with the data while their MD5 is taken
    """
    size = edition.size(name)
    if size is None:
        parse_folds(where, data.tobytes(), edition)
    elif len(data) != size:
        raise DataError(
            f"{where} {'is truncated' if len(data) < size else 'is too long'}: {len(data):,} bytes, expected {size:,}: "
            "fetch it again"
        )
    elif name.endswith("y.bin") and (bad := (data < 1) | (data > 10)).any():
        first = int(np.argmax(bad))
        raise DataError(
            f"{where} holds the label {data[first]} at {first}; expected 1 to 10, as STL-10 counts: another set of the "
            "same layout, or a damaged file: fetch it again"
        )
    md5 = hashlib.md5(usedforsecurity=False)
    for start in range(0, len(data), CHUNK):
        for each in (md5, *also):
            each.update(data[start : start + CHUNK].data)
    if (got := md5.hexdigest()) != edition.md5[name]:
        raise DataError(f"{where} is not the published file: MD5 {got}, expected {edition.md5[name]}: fetch it again")
    return data


def parse_folds(where: str, content: bytes, edition: Edition) -> NDArray[np.int64]:
    """Parse the folds (10, fold) from text, one per line, counted from 0; raise DataError for any other content."""
    try:
        folds: list[list[int]] = [
            [int(index) for index in line.split()] for line in content.decode("ascii").splitlines()
        ]
    except ValueError as error:
        raise DataError(f"{where} is no list of indices ({error}): fetch it again") from error
    sizes = [len(fold) for fold in folds]
    if sizes != [edition.fold] * FOLDS:
        raise DataError(
            f"{where} holds {len(folds)} lines of {min(sizes, default=0)} to {max(sizes, default=0)} indices; expected "
            f"{FOLDS} of {edition.fold:,}: fetch it again"
        )
    rows: NDArray[Any] = np.array(folds)
    if (bad := (rows < 0) | (rows >= edition.train)).any():
        raise DataError(
            f"{where} holds the index {rows[bad][0]}; expected 0 to {edition.train - 1:,}, the training images: "
            "fetch it again"
        )
    return rows.astype(np.int64)
