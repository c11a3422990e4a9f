"""Two collections of grey photographs of nature, for learning image statistics and filters."""

import hashlib
import io
import math
import os
import struct
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.data.dataset import Images
from pp_ref.data.npz import read_npz
from pp_ref.data.search import HYVARINEN, OLSHAUSEN, files_in, find_data
from pp_ref.errors import DataError, check_known, import_extra
from pp_ref.files import packed_size, read_regular, reason

__all__ = ["COLLECTIONS", "NaturalImages", "check_tags", "load_natural_images", "read_grey"]

# The tags of an image in strips: its size and form, texts, resolution, colour profile.
PLAIN = frozenset(
    (254, *range(256, 260), 262, 266, *range(269, 275), *range(277, 285), 296, 305, 306, 315, 317, 339, 34675)
)
TAGS = 2**16  # bytes of the tags


class NaturalImages(NamedTuple):
    """The expected content of a collection."""

    files: tuple[str, ...]  # in order
    size: tuple[int, int]  # of each image, height and width
    digest: str  # SHA-256 over its pixels, image after image, row after row


COLLECTIONS = {
    "hyvarinen": NaturalImages(
        HYVARINEN, (256, 512), "514f1ef2fb2a8619a8114565c65a0e73352ee254aca15f6a46205de91d9e4f4a"
    ),
    "olshausen": NaturalImages(
        OLSHAUSEN, (512, 512), "5ac3a84e65943dfc848b8dbc9c5c9f9e599c23b2c556f17cded7fd9633610c39"
    ),
}


def load_natural_images(
    name: Literal["hyvarinen", "olshausen"] = "hyvarinen", path: str | os.PathLike[str] | None = None
) -> Images:
    """Load grey photographs of nature.

    name     "hyvarinen": 13 of 256 x 512, those of the paper's Figure 1; "olshausen": 10 of 512 x 512, not whitened
    path     a folder with natural_images.npz or with the TIFF files in folders hyvarinen and olshausen, or the .npz;
             None searches as `pp_ref.data.search.find_data`
    returns  Images; x uint8 (n, height, width, 1), in the order of the file numbers
    raises   DataError if they are not found (the message names their source), cannot be read, or are not those images
             to the bit; DomainError for another name

    The pixels of both forms are compared with the same SHA-256.
    Sources: Hyvarinen, Hoyer, Oja, the images of their work on independent component analysis, copyright Janne
    Sinkkonen, for non-commercial use; Olshausen and Field, Emergence of simple-cell receptive field properties by
    learning a sparse code for natural images, 1996.

    Examples
    --------
    >>> from pp_ref.data import load_natural_images
    >>> load_natural_images("olshausen").x.shape  # doctest: +SKIP
    (10, 512, 512, 1)
    """
    check_known("name", name, COLLECTIONS)
    files, size, digest = COLLECTIONS[name]
    found = files_in("natural-images", place := find_data("natural-images", path))
    if len(found) == 1:
        largest = sum(len(each.files) * math.prod(each.size) for each in COLLECTIONS.values())
        where, x = str(found[0]), read_npz(found[0], name, (len(files), *size), packed_size(largest))
    else:
        where, x = str(place / name), np.stack([read_grey(place / file, size) for file in files])
    got = hashlib.sha256(x.data).hexdigest()
    if got != digest:
        raise DataError(
            f"{where} holds images of the right size with SHA-256 {got}; expected {digest}, those of {name}: in "
            "another order, or damaged: fetch them again"
        )
    return Images(name, x[..., None], f"{len(files)} natural images of {name} (SHA-256 of pixels {digest})", digest)


def read_grey(file: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Decode a grey TIFF image of (height, width), the given size; raise DataError for any other content."""
    Image = import_extra("PIL.Image", "figures")

    try:
        content = read_regular(file, packed_size(math.prod(size)) + TAGS)
        check_tags(content)
        with Image.open(io.BytesIO(content), formats=("TIFF",)) as image:
            found, mode = image.size[::-1], image.mode
            if (found, mode) == (size, "L"):  # no pixel is decoded before
                return np.asarray(image)
    except Exception as error:  # decoders raise errors of many kinds
        raise DataError(
            f"{file} cannot be read ({type(error).__name__}: {reason(error)}); expected a TIFF image: fetch it again"
        ) from error
    raise DataError(
        f"{file} holds an image of {found} pixels in Pillow's mode {mode}, expected {size} in mode L, grey: is it "
        "another one?"
    )


def check_tags(content: bytes) -> None:
    """Refuse a TIFF file with other tags than a plain image has: a decoder reads all of them before its size is known.

    raises  ValueError, or struct.error if the file ends before its tags
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[:4])
    if order is None:
        raise ValueError(f"it begins with the bytes {content[:4].hex(' ') or '(none)'}")
    (start,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, start)
    tags = {
        struct.unpack_from(f"{order}H", content, start + 2 + 12 * entry)[0] for entry in range(min(count, len(PLAIN)))
    }
    if len(tags) < count or not tags <= PLAIN:
        raise ValueError(f"its {count} tags begin with {sorted(tags)}; expected some of {sorted(PLAIN)}, once each")
