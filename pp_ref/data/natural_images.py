"""Two collections of grey photographs of nature, for learning image statistics and filters."""

import hashlib
import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pp_ref.data.dataset import Images
from pp_ref.data.npz import read_npz
from pp_ref.data.search import HYVARINEN, OLSHAUSEN, files_in, find_data
from pp_ref.errors import DataError, DomainError


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
    """
    if name not in COLLECTIONS:
        raise DomainError(f"name is {name!r}, expected one of: {', '.join(COLLECTIONS)}")
    files, size, digest = COLLECTIONS[name]
    found = files_in("natural-images", place := find_data("natural-images", path))
    if len(found) == 1:
        where, x = str(found[0]), read_npz(found[0], name)
    else:
        where, x = str(place / name), np.stack([read_grey(place / file, size) for file in files])
    if x.dtype != np.uint8 or x.shape != (len(files), *size):
        raise DataError(
            f"{where} holds {x.dtype} {x.shape}; expected uint8 {(len(files), *size)}, the images of {name}: "
            "is it another set?"
        )
    got = hashlib.sha256(np.ascontiguousarray(x).data).hexdigest()
    if got != digest:
        raise DataError(
            f"{where} holds images of the right size with SHA-256 {got}; expected {digest}, those of {name}: in "
            "another order, or damaged: fetch them again"
        )
    return Images(name, x[..., None], f"{len(files)} natural images of {name} (SHA-256 of pixels {digest})", digest)


def read_grey(file: Path, size: tuple[int, int]) -> NDArray[Any]:
    """Decode one image file to (height, width), the given size; raise DataError for any other content."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            x = np.asarray(image)
    except Exception as error:  # decoders raise errors of many kinds
        reason = " ".join(str(error).split())
        raise DataError(
            f"{file} cannot be read ({type(error).__name__}: {reason}); expected a TIFF image: fetch it again"
        ) from error
    if x.shape != size:
        raise DataError(f"{file} holds an image of shape {x.shape}, expected {size}, grey: is it another one?")
    return x
