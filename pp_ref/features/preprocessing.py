"""Preprocessing of each image alone: bytes to floats, contrast normalisation, random flips and crops.

Images are channels-last, (n, height, width, channels). Nothing here is fitted to data; `pp_ref.features.whitening` is.
"""

from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike, NDArray

from pp_ref.arrays import Array, array_namespace, check_arrays, check_finite, check_numpy, check_positive
from pp_ref.errors import DomainError, ShapeError

__all__ = ["as_floats", "check_images", "normalise_contrast", "random_crops", "random_flips"]

BLOCK = 1024  # images held in float64 at a time


def as_floats(images: NDArray[np.uint8], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """x = p / 255, rounded once.

    images   (n, ...) uint8
    dtype    float32 or float64
    returns  the same shape in [0, 1], C-contiguous
    raises   DomainError if images are not uint8, or for another dtype

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import as_floats
    >>> as_floats(np.array([[0, 51, 255]], np.uint8))
    array([[0. , 0.2, 1. ]], dtype=float32)
    """
    check_numpy("numbers", images=images)
    if images.dtype != np.uint8:
        raise DomainError(f"images are {images.dtype}, expected uint8 in 0..255: floats need no conversion")
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise DomainError(f"dtype is {np.dtype(dtype)}, expected float32 or float64")
    grey: NDArray[Any] = np.arange(256, dtype=dtype) / np.asarray(255, dtype)  # 256 divisions, not one per pixel
    return grey[images]


def normalise_contrast(
    x: NDArray[Any],
    scale: float = 55.0,
    bias: float = 0.0,
    by: Literal["norm", "deviation"] = "norm",
    centre: bool = True,
) -> NDArray[Any]:
    """Global contrast normalisation: y = scale (x - mean) / sqrt(bias + q), mean and q over each image's d numbers.

    x        (n, ...) uint8, float32 or float64; uint8 are taken as 0..255
    scale    > 0
    bias     >= 0, in the unit of q; 0 gives all images the same contrast, above 0 faint images stay fainter
    by       "norm": q = sum (x - mean)^2; "deviation": q = sum (x - mean)^2 / (d - 1)
    centre   False keeps the mean: y = scale x / sqrt(bias + q)
    returns  the same shape; float32 for uint8 and float32, float64 for float64
    raises   DomainError if scale is not > 0, bias is negative, or x is of another type or not finite

    A constant image gives zeros; if it keeps its mean, scale x / sqrt(bias), or zeros with bias 0. An image counts as
    constant if its contrast is below the rounding error of its mean: division would amplify noise. Sums are in float64.
    With bias 0, y does not depend on the unit of x: 0..255 and 0..1 give the same; with another bias they do not.

    Sources: Goodfellow et al., Maxout networks, 2013, prepare CIFAR-10 with the default, norm and scale 55;
    Coates, Ng, Lee, An analysis of single-layer networks in unsupervised feature learning, 2011, take scale 1, bias 10
    and by="deviation" on 0..255. On 32 x 32 x 3, 55 is close to sqrt(3072): variance near 1.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import normalise_contrast
    >>> normalise_contrast(np.array([[1.0, 1.0, 3.0, 3.0]]), scale=2.0)  # mean 2, norm of the rest 2
    array([[-1., -1.,  1.,  1.]])
    """
    check_positive(scale=scale)
    if not 0 <= bias < np.inf:
        raise DomainError(f"bias is {bias}, expected a finite number >= 0")
    if by not in ("norm", "deviation"):
        raise DomainError(f"by is {by!r}, expected 'norm' or 'deviation'")
    check_numpy("uint8, float32 or float64", x=x)
    n, d = len(x), int(np.prod(x.shape[1:]))
    rows, y = x.reshape(n, d), np.empty((n, d), np.float64 if x.dtype == np.float64 else np.float32)
    # |fl(mean) - mean| <= d u max|x| for any order of the sum: a constant image minus its mean is at most this.
    rounding = np.sqrt(d) * (d + 2) * np.finfo(np.float64).eps / 2
    for start in range(0, n, BLOCK):
        at = slice(start, start + BLOCK)
        z = rows[at].astype(np.float64)  # (block, d)
        largest = abs(z).max(axis=1, initial=0)
        if not np.isfinite(largest).all():
            check_finite(x=x)
        z -= z.mean(axis=1, keepdims=True)
        q = (z**2).sum(axis=1)
        constant = np.sqrt(q) <= rounding * largest
        divisor = np.sqrt(bias + np.where(constant, 0, q if by == "norm" else q / max(d - 1, 1)))
        gain = np.divide(scale, divisor, out=np.zeros_like(q), where=~constant if centre else divisor > 0)
        y[at] = gain[:, None] * (z if centre else rows[at])
    return y.reshape(x.shape)


def random_flips(images: Array, rng: np.random.Generator) -> Array:
    """Mirror each image left to right with probability 1/2.

    images   (n, height, width, channels) of any array library, any dtype
    rng      draws n numbers
    returns  a new array of the same shape and dtype; the same draw applied again restores the images
    raises   ShapeError if images do not have four axes

    Source: Krizhevsky, Sutskever, Hinton, ImageNet classification with deep convolutional neural networks, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import random_flips
    >>> images = np.array([1, 2] * 4).reshape(4, 1, 2, 1)
    >>> random_flips(images, np.random.default_rng(0))[:, 0, :, 0]
    array([[1, 2],
           [2, 1],
           [2, 1],
           [2, 1]])
    """
    check_images(images)
    xp = array_namespace(images)
    flipped = xp.asarray(rng.random(images.shape[0]) < 0.5)
    return xp.where(flipped[:, None, None, None], xp.flip(images, axis=2), images)


def random_crops(
    images: NDArray[Any], height: int, width: int, rng: np.random.Generator, padding: int = 0
) -> NDArray[Any]:
    """Cut a window from each image, every place equally likely.

    images         (n, h, w, channels), any dtype
    height, width  of the window, in pixels: 1 <= height <= h + 2 padding, and so for the width
    rng            draws n places
    padding        >= 0: rows and columns of zeros around each image; zero is grey in normalised images only
    returns        (n, height, width, channels), a new array of the same dtype
    raises         ShapeError if the window does not fit or images do not have four axes; DomainError for padding < 0

    Source: as `random_flips`. Padding by 4 and cutting 32 x 32 again moves an image by up to 4 pixels: 81 places.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import random_crops
    >>> images = np.arange(9).reshape(1, 3, 3, 1)
    >>> random_crops(images, 2, 2, np.random.default_rng(0))[0, :, :, 0]
    array([[4, 5],
           [7, 8]])
    """
    n, h, w, _ = check_images(images)
    if padding < 0:
        raise DomainError(f"padding is {padding}, expected an integer >= 0")
    h, w = h + 2 * padding, w + 2 * padding
    if not (1 <= height <= h and 1 <= width <= w):
        raise ShapeError(
            f"height, width are {height}, {width}, expected 1 to {h} and 1 to {w}, the images' size with padding "
            f"{padding}: ask for smaller crops or more padding"
        )
    top, left = rng.integers(0, h - height + 1, n), rng.integers(0, w - width + 1, n)
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = sliding_window_view(padded, (height, width), axis=(1, 2))  # (n, top, left, channel, height, width)
    return np.ascontiguousarray(windows[np.arange(n), top, left].transpose(0, 2, 3, 1))


def check_images(images: Array) -> tuple[int, int, int, int]:
    """Return the sizes of images (n, height, width, channels); raise ShapeError, DomainError for anything else."""
    check_arrays("numbers", images=images)
    if images.ndim != 4:
        raise ShapeError(f"images have shape {images.shape}, expected axes (n, height, width, channels)")
    n, h, w, channels = images.shape
    return n, h, w, channels
