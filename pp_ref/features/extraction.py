"""Features for a classifier: responses of filters at every place of an image, encoded and summed over four quadrants.

Each patch x is normalised and whitened before the filters W, y = contrast(x), z = (y - mean) P W. The linear maps are
multiplied once, A = P W, so that each block of images needs one copy of its patches, one normalisation and one product;
the mean is one more row of A, for a column of ones.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pp_ref.arrays import check_finite, check_numpy, check_sizes
from pp_ref.errors import ShapeError
from pp_ref.features.encodings import Encoding, encoding_parts
from pp_ref.features.patches import every_patch
from pp_ref.features.preprocessing import normalise_contrast
from pp_ref.features.whitening import Whitening
from pp_ref.layers.windows import blocks

__all__ = ["COATES", "extract_features", "folded_filters", "quadrant_sums"]

COATES: dict[str, Any] = {"scale": 1.0, "bias": 10.0, "by": "deviation"}  # contrast of patches with values 0..255

# Numbers held for the patches of a block and their responses, 8 MB in float32: they are encoded and summed in or near
# the cache, and with 400 filters two images of 27 x 27 patches of 108 numbers fit, enough rows for BLAS's full rate.
BLOCK_ENTRIES = 2**21


def extract_features(
    images: NDArray[Any],
    W: NDArray[Any],
    patch_shape: tuple[int, int],
    whitening: Whitening | None = None,
    contrast: Mapping[str, Any] | None = COATES,
    encoding: Encoding = "absolute",
    threshold: float = 0.0,
) -> NDArray[Any]:
    """f[n, q] = sum over the patches x of quadrant q of encode((contrast(x) - mean) P W).

    images       (n, h, w, c) uint8, float32 or float64, like those that ``whitening`` and W were fitted on
    W            (d, m) filters, one per column; d = height * width * c, or the rank of a "pca" whitening
    patch_shape  height and width of the patches, in pixels; neighbours are one pixel apart
    whitening    fitted to contrast-normalised patches; None leaves it out
    contrast     the settings of `normalise_contrast` for each patch; None leaves it out
    encoding     "absolute", "rectified", "split" or "soft", and its threshold, as for `encode`
    returns      (n, 4 m), or (n, 8 m) for the encodings with two parts; float64 for float64 images, else float32.
                 Quadrants in the order of `quadrant_sums`, each with all features of its first part, then of its second
    raises       ShapeError if the sizes of filters, whitening, patches and images disagree, or W has no filter;
                 DomainError for an unknown setting, another dtype, or images or W that are not finite

    The memory beside the result is some 12 MB in float32 and 20 MB in float64, for any number of images and filters: a
    block has at most `BLOCK_ENTRIES` numbers, for three copies of its patches and two of its responses, and contrast
    normalisation takes two or three float64 copies of a thousand patches, here of 108 numbers. But a block has at least
    one image: 96 x 96 in patches of 6 x 6 x 3 with 400 filters take 37 MB. The N responses of a quadrant, 196 of
    27 x 27, are summed in their own dtype: in float32 with an error of N 2^-24 of the sum of absolute values.

    Source: Coates, Ng, Lee, An analysis of single-layer networks in unsupervised feature learning, 2011: 6 x 6 patches
    of 32 x 32 images, hence 27 x 27 of them.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import extract_features
    >>> images = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> extract_features(images, np.array([[1.0]]), patch_shape=(1, 1), contrast=None)  # sums of four pixels
    array([[10., 18., 42., 50.]])
    >>> extract_features(images, np.ones((4, 5)), patch_shape=(2, 2)).shape  # four quadrants, five filters
    (1, 20)
    """
    parts = encoding_parts(encoding, threshold)
    check_numpy("uint8, float32 or float64", images=images)
    views = every_patch(images, patch_shape)
    n, height, width, *patch = views.shape
    d, places = int(np.prod(patch)), height * width
    A = folded_filters(W, whitening, d, np.float64 if images.dtype == np.float64 else np.float32)
    m = A.shape[1]
    cut = blocks(n, places * (3 * d + 1 + 2 * m), BLOCK_ENTRIES)  # x, columns, contrast; z, code
    if not all(np.isfinite(images[block]).all() for block in cut):  # block by block, to avoid a mask of all images
        check_finite(images=images)
    rows = places * (cut[0].stop if cut else 0)
    columns = np.ones((rows, d + 1), A.dtype)
    z, code = np.empty((2, rows, m), A.dtype)
    features = np.empty((n, 4, len(parts), m), A.dtype)
    for block in cut:
        x = views[block].reshape(-1, d)
        at = slice(len(x))  # the last block may be shorter
        columns[at, :d] = x if contrast is None else normalise_contrast(x, **contrast)
        np.matmul(columns[at], A, out=z[at])  # (patches, d + 1) (d + 1, m)
        for part, encoded in enumerate(parts):
            encoded(z[at], float(threshold), code[at])
            features[block, :, part] = quadrant_sums(code[at].reshape(-1, height, width, m))
    return features.reshape(n, 4 * len(parts) * m)


def folded_filters(W: NDArray[Any], whitening: Whitening | None, d: int, dtype: DTypeLike) -> NDArray[Any]:
    """Return A (d + 1, m) with (y - mean) P W = [y, 1] A for every y (d,), computed in float64 and rounded once."""
    P, mean = (None, np.zeros(d)) if whitening is None else (whitening.P, whitening.mean)
    check_numpy("float32 or float64", W=W)
    sizes = check_sizes("d m", W=W)
    if not sizes["m"]:
        raise ShapeError(f"W has shape {W.shape}, expected at least one column, a filter: learn or draw some first")
    check_finite(W=W)
    if len(mean) != d:
        raise ShapeError(f"whitening was fitted to {len(mean)} numbers per row, expected {d}, those of a patch")
    expected = d if P is None else P.shape[1]
    if len(W) != expected:
        raise ShapeError(f"W has shape {W.shape}, expected {expected} rows, one for each number of a whitened patch")
    A = W.astype(np.float64) if P is None else P @ W.astype(np.float64)
    return np.vstack([A, -mean @ A]).astype(dtype)


def quadrant_sums(z: NDArray[Any]) -> NDArray[Any]:
    """Sum a map over its four quadrants: top left, top right, bottom left, bottom right.

    z        (n, h, w, m) float32 or float64
    returns  (n, 4, m). The first half of an odd number of rows or columns has one more: 27 = 14 + 13. An empty half
             sums to 0
    raises   ShapeError if z has other axes

    Source: Coates, Ng, Lee, An analysis of single-layer networks in unsupervised feature learning, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features import quadrant_sums
    >>> quadrant_sums(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, 0]
    array([10., 18., 42., 50.])
    """
    check_numpy("float32 or float64", z=z)
    sizes = check_sizes("n h w m", z=z)
    rows, columns = (
        (slice(0, middle), slice(middle, None)) for middle in ((sizes["h"] + 1) // 2, (sizes["w"] + 1) // 2)
    )
    return np.stack([z[:, i, j].sum(axis=(1, 2)) for i in rows for j in columns], axis=1)
