"""Patches of images: random ones, to learn filters from, or all, one pixel apart, to apply filters to.

Images are channels-last, (n, h, w, c). A patch is flattened in the order of `pp_ref.dictionaries.Grid`, channels last.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pp_ref.arrays import check_integer
from pp_ref.errors import DomainError, ShapeError
from pp_ref.features.preprocessing import check_images

__all__ = ["check_extents", "every_patch", "sample_patches"]

BLOCK = 2**15  # patches gathered at a time: 14 MB of 6 x 6 x 3 in float32


def every_patch(images: NDArray[Any], patch_shape: tuple[int, int]) -> NDArray[Any]:
    """Return the patch at every place, as a read-only view: nothing is copied until it is reshaped.

    images       (n, h, w, c), any dtype
    patch_shape  height and width, in pixels: 1 <= height <= h, and so for the width
    returns      (n, h - height + 1, w - width + 1, height, width, c)
    raises       ShapeError if patch_shape is not a pair of integers >= 1, if a patch is larger than the images, or if
                 images do not have four axes

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import every_patch
    >>> patches = every_patch(np.arange(9).reshape(1, 3, 3, 1), (2, 2))
    >>> patches.shape
    (1, 2, 2, 2, 2, 1)
    >>> patches[0, 0, 1, :, :, 0]  # the patch at row 0, column 1
    array([[1, 2],
           [4, 5]])
    """
    _, h, w, _ = check_images(images)
    check_extents("patch_shape", patch_shape, "height, width", "a patch has all channels of its image")
    height, width = patch_shape
    if height > h or width > w:
        raise ShapeError(
            f"patch_shape is {height} x {width} but images are {h} x {w}; expected patches of at most {h} x {w}: take "
            "smaller patches"
        )
    return sliding_window_view(np.asarray(images), (height, width), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)


def sample_patches(
    images: NDArray[Any], patch_shape: tuple[int, int], n_patches: int, rng: np.random.Generator
) -> NDArray[Any]:
    """Draw patches, every image and every place equally likely, with replacement.

    images       (n, h, w, c) with n >= 1, any dtype; only the drawn patches of a mapped file are read
    patch_shape  height and width, in pixels, at most h and w
    n_patches    int >= 0
    rng          draws an image, a row and a column for each patch
    returns      (n_patches, height * width * c), in the images' dtype
    raises       ShapeError as `every_patch`; DomainError without images, for another n_patches, or if a drawn patch
                 holds NaN or infinity

    Source: Coates, Ng, Lee, An analysis of single-layer networks in unsupervised feature learning, 2011, who draw
    400,000 of 6 x 6 x 3: 43 MB of bytes, 173 MB in float32.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import sample_patches
    >>> images = np.arange(9).reshape(1, 3, 3, 1)
    >>> sample_patches(images, (1, 2), 3, np.random.default_rng(0))
    array([[6, 7],
           [3, 4],
           [3, 4]])
    """
    check_integer(0, n_patches=n_patches)
    views = every_patch(images, patch_shape)
    if not len(images):
        raise DomainError(f"images have shape {images.shape}, expected at least one image to draw patches from")
    n, row, column = (rng.integers(0, extent, n_patches) for extent in views.shape[:3])
    patches = np.empty((n_patches, *views.shape[3:]), images.dtype)
    for start in range(0, n_patches, BLOCK):
        at = slice(start, start + BLOCK)
        patches[at] = views[n[at], row[at], column[at]]
    patches = patches.reshape(n_patches, int(np.prod(views.shape[3:])))
    if np.issubdtype(images.dtype, np.inexact) and not (finite := np.isfinite(patches).all(axis=1)).all():
        first = int(np.argmin(finite))
        raise DomainError(
            f"images have {(~finite).sum()} patches, of {n_patches} drawn, with NaN or infinity, first that of image "
            f"{n[first]} at row {row[first]}, column {column[first]}; expected finite numbers: remove or repair those "
            "images"
        )
    return patches


def check_extents(name: str, shape: Any, axes: str, hint: str) -> None:
    """Refuse a shape that is not one integer >= 1 per axis.

    name    of the argument
    axes    their names, e.g. "height, width"
    hint    the end of the message
    raises  ShapeError with the argument's name and value
    """
    extents = shape if isinstance(shape, tuple | list | np.ndarray) else ()
    if len(extents) != len(axes.split()) or not all(isinstance(n, int | np.integer) and n >= 1 for n in extents):
        raise ShapeError(f"{name} is {shape!r}, expected ({axes}), {len(axes.split())} integers >= 1: {hint}")
