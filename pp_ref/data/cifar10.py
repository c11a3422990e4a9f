"""CIFAR-10: 60,000 colour images in ten classes, read from any form in which it is published.

Each form (binary records or Python pickles, in a tar archive or unpacked) is converted to the official binary records
and compared with their SHA-256. The decoded arrays are kept in the user's cache and memory-mapped, so that an archive
is decoded once and processes share the pages.
"""

import hashlib
import io
import os
import pickletools
import warnings
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise, takewhile
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.data.dataset import Dataset, Split
from pp_ref.data.npz import map_npy
from pp_ref.data.search import files_in, find_data, look_for, user_cache
from pp_ref.data.tar import read_members
from pp_ref.errors import DataError
from pp_ref.files import read_regular, reason, write_atomically

__all__ = [
    "CLASSES",
    "RECORD",
    "Edition",
    "as_dataset",
    "check_records",
    "content_digest",
    "decode",
    "decoded_before",
    "decoded_folder",
    "load_cifar10",
    "read_batches",
    "read_decoded",
    "read_files",
    "read_pickle",
    "stamp",
    "write_array",
]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FORMS = (("bin", ".bin"), ("py", ""))  # endings of the folder's name and of its batches' names
RECORD = 1 + 3 * 32 * 32  # bytes: a label, then 1024 red, 1024 green and 1024 blue values, row after row
LISTING = {"EMPTY_LIST", "MARK", "BININT", "BININT1", "BININT2", "APPEND", "APPENDS"}  # of a list of int
ORDERS: dict[str, Literal["C", "F"]] = {"NEWFALSE": "C", "NEWTRUE": "F"}  # the flag before the bytes of an array


class Edition(NamedTuple):
    """The expected content of the batches."""

    batches: dict[str, str]  # name -> SHA-256 of its binary records, in order, the test batch last
    records: int  # images in each batch
    digest: str  # `content_digest` of the decoded arrays


CIFAR10 = Edition(
    batches={
        "data_batch_1": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "data_batch_2": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "data_batch_3": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "data_batch_4": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "data_batch_5": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        "test_batch": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    },
    records=10_000,
    digest="80387ddb9a0edf3fc4a964ee3770296169bb26a651050df20035579673099660",
)


def load_cifar10(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Load CIFAR-10: 50,000 training and 10,000 test images, in the published order.

    path     a folder with an archive or the unpacked batches, or the archive; None searches as
             `pp_ref.data.search.find_data`: $PP_REF_DATA, the user's cache, a download of 170 MB
    returns  Dataset; x uint8 (n, 32, 32, 3), channels last, values 0..255, read-only; y int64 (n,) in 0..9, by CLASSES
    raises   DataError if the data are not found, cannot be read, or are not CIFAR-10's to the bit

    The first call decodes into the user's cache; later calls compare the SHA-256 of that file and map it into memory
    (184 MB, shared between processes). A changed source is read and checked again. If the cache cannot be written, the
    arrays are held in memory, with a RuntimeWarning.

    Channel means of the training images in 0..1: 0.4914, 0.4822, 0.4465; deviations 0.2470, 0.2435, 0.2616.
    Source: Krizhevsky, Learning multiple layers of features from tiny images, 2009.

    Examples
    --------
    >>> from pp_ref.data import load_cifar10
    >>> cifar10 = load_cifar10()  # doctest: +SKIP
    >>> cifar10.train.x.shape, cifar10.test.x.shape  # doctest: +SKIP
    ((50000, 32, 32, 3), (10000, 32, 32, 3))
    """
    place, _ = look_for("cifar10", path)
    # The decoded arrays need no source; if there is one, it has to be the one they were decoded from.
    if (place or path is None) and (decoded := decoded_before(place)):
        return decoded
    files = files_in("cifar10", place or find_data("cifar10", path))
    images, labels = decode(read_batches(files, CIFAR10), CIFAR10)
    data = as_dataset(images, labels, CIFAR10)
    try:
        cache = decoded_folder()
        write_array(cache / "labels.npy", labels.astype(np.uint8))  # the bytes that the digest reads
        write_array(cache / "images.npy", images)
        write_atomically(cache / stamp(files), b"")
    except DataError as error:
        warnings.warn(f"CIFAR-10 is held in memory and will be decoded again: {error}", RuntimeWarning, stacklevel=2)
        return data
    return read_decoded(cache, CIFAR10) or data


def decoded_folder() -> Path:
    """Return the folder of the decoded arrays in the user's cache; raise DataError if there is no cache."""
    return user_cache("cifar10") / f"decoded-{CIFAR10.digest[:16]}"


def decoded_before(place: Path | None) -> Dataset | None:
    """Return what an earlier call decoded from the files in ``place``, or from any files; None if there is nothing."""
    try:
        cache = decoded_folder()
    except DataError:
        return None
    current = place is None or os.path.isfile(cache / stamp(files_in("cifar10", place)))
    return read_decoded(cache, CIFAR10) if current else None


def read_batches(files: list[Path], edition: Edition) -> Iterator[tuple[str, str, bytes]]:
    """Yield the name, the file in words and the binary records of each batch in the files.

    Pickled batches are converted to records: the two editions differ in their container only.
    raises  DataError if a file cannot be read, or holds no batch
    """
    archive, found = len(files) == 1, False
    names = [f"cifar-10-batches-{form}/{batch}{end}" for form, end in FORMS for batch in edition.batches]
    # Pickles hold the file names too, which are far shorter than the images.
    largest = 2 * edition.records * RECORD
    contents = (
        read_members(files[0], dict.fromkeys(names, largest), len(edition.batches) * largest)
        if archive
        else read_files(files, largest)
    )
    for name, content in contents:
        found = True
        where = f"{files[0]}: its member {name}" if archive else name
        file = Path(name).name
        records = content if file.endswith(".bin") else read_pickle(where, content)
        yield file.removesuffix(".bin"), where, records
    if not found:
        raise DataError(
            f"{files[0]} holds no batch of CIFAR-10; expected {names[0]} to {names[-1]}, the binary or the Python "
            "edition: it is another archive, pass the published one as path="
        )


def read_files(files: list[Path], largest: int) -> Iterator[tuple[str, bytes]]:
    """Yield each file's path and content."""
    for file in files:
        try:
            yield str(file), read_regular(file, largest)
        except OSError as error:
            raise DataError(
                f"{file} cannot be read ({reason(error)}); expected a batch of CIFAR-10: make it readable, "
                "or pass another folder as path="
            ) from error


def decode(batches: Iterable[tuple[str, str, bytes]], edition: Edition) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Check every batch; return images (n, 32, 32, 3) uint8 and labels (n,) int64 in the published order.

    raises  DataError for a batch of another length, a label above 9, another SHA-256, or a missing batch
    """
    n, names = edition.records, list(edition.batches)
    images = np.empty((n * len(names), 32, 32, 3), np.uint8)
    labels = np.empty(n * len(names), np.int64)
    seen: dict[str, str] = {}
    for name, where, records in batches:
        check_records(where, records, n, edition.batches[name])
        at = slice(n * names.index(name), n * (names.index(name) + 1))
        table = np.frombuffer(records, np.uint8).reshape(n, RECORD)
        labels[at] = table[:, 0]
        images[at] = table[:, 1:].reshape(n, 3, 32, 32).transpose(0, 2, 3, 1)
        seen[name] = where
    if missing := [name for name in names if name not in seen]:
        held = ", ".join(seen.values())
        raise DataError(
            f"{', '.join(missing)} of CIFAR-10 {'is' if len(missing) == 1 else 'are'} missing; found {held}; expected "
            f"all {len(names)}: the archive is incomplete or another one, fetch it again"
        )
    return images, labels


def check_records(where: str, records: bytes, n: int, expected: str) -> None:
    """Refuse a batch that is not the published one; the message names the first fault."""
    if len(records) != n * RECORD:
        fewer = "is truncated" if len(records) < n * RECORD else "is too long"
        raise DataError(
            f"{where} {fewer}: {len(records):,} bytes, {len(records) / RECORD:,.2f} records of {RECORD:,}; "
            f"expected {n * RECORD:,} bytes, {n:,} records: fetch it again"
        )
    labels = np.frombuffer(records, np.uint8)[::RECORD]
    if (labels > 9).any():
        raise DataError(
            f"{where} holds the label {labels.max()}, first above 9 at record {int(np.argmax(labels > 9))}; expected "
            "0 to 9: another set of the same layout, or a damaged file: fetch it again"
        )
    got = hashlib.sha256(records).hexdigest()
    if got != expected:
        raise DataError(
            f"{where} is not the published batch: its records have SHA-256 {got}, expected {expected}: fetch it again"
        )


def read_pickle(where: str, content: bytes) -> bytes:
    """Convert a batch of the Python edition, a dict with b"data" uint8 (n, 3072) and b"labels", to binary records.

    raises  DataError if the labels and pixels are not found in it

    Nothing is unpickled: a pickle is a program, which can call any function and fill any memory. Its operations are
    listed, and the labels and the pixels are taken from the operands of those that Python 2 writes for them.
    """
    most = 1000 + len(content) // 100  # a batch has one operation for about 1000 bytes
    try:
        listed = islice(pickletools.genops(content), most)
        operations = [(each.name, operand) for each, operand, _ in listed if "PUT" not in each.name]  # not the memo's
        if operations[-1][0] != "STOP":
            raise ValueError(f"it has more than {most:,} operations")
        keys = {operand: at for at, (name, operand) in enumerate(operations) if name.endswith("STRING")}
        listing = takewhile(lambda each: each[0] in LISTING, operations[keys["labels"] + 1 :])
        labels = np.frombuffer(bytes(operand for _, operand in listing if operand is not None), np.uint8)
        order, pixels = next(
            (ORDERS[name], np.frombuffer(operand.encode("latin-1"), np.uint8))
            for (name, _), (_, operand) in pairwise(operations[keys["data"] + 1 :])
            if name in ORDERS and isinstance(operand, str)
        )
        return np.column_stack([labels, pixels.reshape((len(labels), RECORD - 1), order=order)]).tobytes()
    except Exception as error:  # pickletools raises errors of many kinds
        raise DataError(
            f"{where} is no batch of CIFAR-10's Python edition ({type(error).__name__}: {reason(error)}): "
            "fetch it again"
        ) from error


def as_dataset(images: NDArray[np.uint8], labels: NDArray[np.int64], edition: Edition) -> Dataset:
    """Split off the test batch and make the arrays read-only, since they may be views of a shared file."""
    images.flags.writeable = labels.flags.writeable = False
    trained = edition.records * (len(edition.batches) - 1)
    train, test = Split(images[:trained], labels[:trained]), Split(images[trained:], labels[trained:])
    sums = ", ".join(f"{name} (SHA-256 {digest})" for name, digest in edition.batches.items())
    return Dataset("cifar10", train, test, f"CIFAR-10, binary records: {sums}", content_digest(train, test))


def content_digest(*splits: Split) -> str:
    """Return the SHA-256 over each split's pixels as bytes, channels last, then its labels as bytes."""
    digest = hashlib.sha256()
    for x, y in splits:
        digest.update(x.data)
        digest.update(y.astype(np.uint8).data)
    return digest.hexdigest()


def read_decoded(cache: Path, edition: Edition) -> Dataset | None:
    """Map the arrays that an earlier call decoded; return None if they are missing or changed."""
    n = edition.records * len(edition.batches)
    try:
        images, labels = map_npy(cache / "images.npy", (n, 32, 32, 3)), map_npy(cache / "labels.npy", (n,))
    except DataError:
        return None
    data = as_dataset(images, labels.astype(np.int64), edition)
    return data if data.digest == edition.digest else None


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write a .npy file whole, or not at all and raise DataError."""
    content = io.BytesIO()
    np.save(content, array)
    write_atomically(path, content.getvalue())


def stamp(files: list[Path]) -> str:
    """Return the name of the cache's mark that these files, of these sizes and times, were read and checked."""
    described = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{hashlib.sha256(repr(described).encode()).hexdigest()[:32]}.checked"
