"""The steps of `pp_ref.features` as scikit-learn transformers, for use in a Pipeline.

Each transformer takes and returns rows of numbers, and names the function that computes them. Importing this module
needs scikit-learn, importing `pp_ref.features` does not.
"""

from collections.abc import Callable
from math import prod
from typing import Any, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pp_ref.arrays import check_finite, check_integer, check_numpy
from pp_ref.errors import DomainError, ShapeError, import_extra
from pp_ref.features.encodings import Encoding, encode, encoding_parts
from pp_ref.features.extraction import COATES, extract_features
from pp_ref.features.patches import check_extents, sample_patches
from pp_ref.features.preprocessing import normalise_contrast
from pp_ref.features.standardisation import Standardisation, fit_standardisation
from pp_ref.features.whitening import Whitening, fit_whitening

import_extra("sklearn", "features")  # its error names the missing extra; that of the next line would not

from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = [
    "ContrastNormaliser",
    "ConvolutionalFeatures",
    "FilterEncoder",
    "Filters",
    "Standardiser",
    "Whitener",
    "learn_filters",
    "random_patches",
]


@runtime_checkable
class Learner(Protocol):
    """A scikit-learn estimator that stores what it learned in components_ or cluster_centers_."""

    def fit(self, X: Any, y: Any = None) -> Any: ...
    def get_params(self, deep: bool = True) -> dict[str, Any]: ...
    def set_params(self, **params: Any) -> Any: ...


# The number of random patches, a function (patches (n, d), rng) -> W (d, m), or an estimator.
Filters = int | Callable[[NDArray[Any], np.random.Generator], NDArray[Any]] | Learner


def random_patches(patches: NDArray[Any], m: int, rng: np.random.Generator) -> NDArray[Any]:
    """Draw m of the patches as filters, scaled to unit norm.

    patches  (n, d) float32 or float64
    m        int in 1..n
    rng      draws the patches, without replacement
    returns  W (d, m), in the patches' dtype; a patch of zeros stays zero
    raises   DomainError for another m

    Source: a baseline in Coates, Ng, The importance of encoding versus training with sparse coding and vector
    quantization, 2011: on whitened patches it comes close to learned filters.

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features.estimators import random_patches
    >>> random_patches(np.array([[3.0, 4.0], [3.0, 4.0]]), 1, np.random.default_rng(0))
    array([[0.6],
           [0.8]])
    """
    check_numpy("float32 or float64", patches=patches)
    check_integer(1, m=m)
    if m > len(patches):
        raise DomainError(f"m is {m} filters, expected at most {len(patches)}, the number of patches: draw more")
    W: NDArray[Any] = patches[rng.choice(len(patches), m, replace=False)].T
    norms = np.linalg.norm(W, axis=0)
    return W / np.where(norms > 0, norms, 1)


def learn_filters(filters: Filters, patches: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Return filters from whitened patches.

    filters  int >= 1: this many `random_patches`; an estimator: its components_ or cluster_centers_, after a clone is
             fitted to the patches, with a seed from rng if it takes one and has none; or a function
             (patches, rng) -> W, not a class
    patches  (n, d) float32 or float64
    returns  W (d, m)
    raises   DomainError for filters of another kind, or W that is not finite; ShapeError for W with other axes

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from pp_ref.features.estimators import learn_filters
    >>> patches = np.array([[0.0, 1.0], [0.0, 3.0], [9.0, 9.0]])
    >>> W = learn_filters(KMeans(2, n_init=1), patches, np.random.default_rng(0))
    >>> np.sort(W)
    array([[0., 9.],
           [2., 9.]])
    """
    check_numpy("float32 or float64", patches=patches)
    if isinstance(filters, Learner) and not isinstance(filters, type):
        learner = clone(filters)
        if learner.get_params().get("random_state", 0) is None:
            learner.set_params(random_state=int(rng.integers(2**31)))
        learner.fit(patches)
        rows = getattr(learner, "components_", getattr(learner, "cluster_centers_", None))
        if rows is None:
            raise DomainError(
                f"filters are {filters!r}, which has neither components_ nor cluster_centers_ once fitted"
            )
        W = np.asarray(rows).T
    elif callable(filters) and not isinstance(filters, type):
        W = np.asarray(filters(patches, rng))
    elif isinstance(filters, int | np.integer) and filters >= 1:
        W = random_patches(patches, filters, rng)
    else:
        raise DomainError(
            f"filters are {filters!r}, expected a number of random patches >= 1; a function (patches, rng) -> "
            "W; or an estimator, not its class, such as sklearn.cluster.MiniBatchKMeans(100)"
        )
    if W.ndim != 2 or len(W) != patches.shape[1]:
        raise ShapeError(f"learned filters have shape {W.shape}, expected ({patches.shape[1]}, m), filters as columns")
    check_finite(filters=W)
    return W


class RowTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of the transformers: it checks rows, and keeps float32 as float32."""

    dtypes: tuple[type, ...] = (np.float64, np.float32)  # another dtype is converted to the first
    least = 2  # rows for a fit

    def fit(self, X: Any, y: None = None) -> Self:
        """Fit to the rows of X. The docstring of the class says what is fitted."""
        X = validate_data(self, X, dtype=self.dtypes, ensure_min_samples=self.least)
        self._n_features_out = X.shape[1]
        self._learn(np.asarray(X))
        return self

    def _learn(self, X: NDArray[Any]) -> None:
        """Fit to checked rows, and set ``_n_features_out`` if it is not the number of columns."""

    def _rows(self, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, dtype=self.dtypes, reset=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class ContrastNormaliser(RowTransformer):
    """`pp_ref.features.normalise_contrast` of each row. A fit remembers the number of columns alone.

    scale, bias, by, centre  as there; the defaults are those of Coates, Ng, Lee, 2011, for patches of values 0..255

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features.estimators import ContrastNormaliser
    >>> ContrastNormaliser(scale=2.0, bias=0.0, by="norm").fit_transform(np.array([[1.0, 1.0, 3.0, 3.0]]))
    array([[-1., -1.,  1.,  1.]])
    """

    least = 1

    def __init__(
        self,
        scale: float = 1.0,
        bias: float = 10.0,
        by: Literal["norm", "deviation"] = "deviation",
        centre: bool = True,
    ) -> None:
        self.scale = scale
        self.bias = bias
        self.by = by
        self.centre = centre

    def transform(self, X: Any) -> NDArray[Any]:
        """(n, d) -> (n, d)."""
        return normalise_contrast(self._rows(X), self.scale, self.bias, self.by, self.centre)


class Whitener(RowTransformer):
    """`pp_ref.features.fit_whitening` of the rows.

    kind, eps   as there
    whitening_  Whitening, after fit

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features.estimators import Whitener
    >>> x = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 6.0, 9.0]])  # on one line
    >>> Whitener("pca", eps=0.0).fit_transform(x).shape
    (3, 1)
    """

    def __init__(self, kind: Literal["zca", "pca"] = "zca", eps: float = 0.1) -> None:
        self.kind = kind
        self.eps = eps

    def _learn(self, X: NDArray[Any]) -> None:
        self.whitening_: Whitening = fit_whitening(X, self.kind, self.eps)
        self._n_features_out = self.whitening_.P.shape[1]

    def transform(self, X: Any) -> NDArray[Any]:
        """(n, d) -> (n, d) for "zca", (n, rank) for "pca"."""
        return self.whitening_.transform(self._rows(X))


class Standardiser(RowTransformer):
    """`pp_ref.features.fit_standardisation` of the columns.

    eps               > 0, added to the variance
    standardisation_  Standardisation, after fit

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features.estimators import Standardiser
    >>> Standardiser(eps=2.0).fit_transform(np.array([[0.0], [2.0]]))
    array([[-0.5],
           [ 0.5]])
    """

    def __init__(self, eps: float = 0.01) -> None:
        self.eps = eps

    def _learn(self, X: NDArray[Any]) -> None:
        self.standardisation_: Standardisation = fit_standardisation(X, self.eps)

    def transform(self, X: Any) -> NDArray[Any]:
        """(n, d) -> (n, d)."""
        return self.standardisation_.transform(self._rows(X))


class FilterEncoder(RowTransformer):
    """Encoded responses of each row to learned filters: `pp_ref.features.encode` of X W.

    filters               as for `learn_filters`; they are learned on the rows themselves
    encoding, threshold   as for `encode`
    random_state          argument of `numpy.random.default_rng`
    filters_              W (d, m), after fit

    Examples
    --------
    >>> import numpy as np
    >>> from pp_ref.features.estimators import FilterEncoder
    >>> x = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    >>> FilterEncoder(1, "split", random_state=0).fit_transform(x)  # every row has the direction of the filter
    array([[1., 0.],
           [2., 0.],
           [3., 0.]])
    """

    def __init__(
        self, filters: Filters = 10, encoding: Encoding = "absolute", threshold: float = 0.0, random_state: Any = None
    ) -> None:
        self.filters = filters
        self.encoding = encoding
        self.threshold = threshold
        self.random_state = random_state

    def _learn(self, X: NDArray[Any]) -> None:
        parts = encoding_parts(self.encoding, self.threshold)
        self.filters_ = learn_filters(self.filters, X, np.random.default_rng(self.random_state))
        self._n_features_out = len(parts) * self.filters_.shape[1]

    def transform(self, X: Any) -> NDArray[Any]:
        """(n, d) -> (n, m), or (n, 2 m) for encodings with two parts."""
        X = self._rows(X)
        return encode(X @ self.filters_.astype(X.dtype), self.encoding, self.threshold)


class ConvolutionalFeatures(RowTransformer):
    """The features of Coates, Ng and Lee: `pp_ref.features.extract_features` with filters learned from patches.

    image_shape          (h, w, c) of the image in a row, channels last; None: height 1 and one channel
    patch_shape          (height, width) in pixels; None: 6 x 6, or less if the image is smaller
    n_patches            >= d = height * width * c: patches that whitening and filters are learned from. Coates: 400,000
    filters              as for `learn_filters`; the patches (n_patches, d) are contrast-normalised and whitened
    bias                 of the contrast normalisation, >= 0, for values 0..255
    eps                  of the whitening, >= 0
    encoding, threshold  as for `encode`
    random_state         argument of `numpy.random.default_rng`
    whitening_           Whitening, filters_ W (d, m), patch_shape_: after fit

    Rows are uint8, float32 or float64; the features are float64 for float64, else float32. A fit draws patches, fits
    the whitening to them, and learns the filters from the whitened patches. It raises ShapeError if image_shape or
    patch_shape is no shape, if rows are not images of image_shape, or if a patch is larger than an image; DomainError
    if there are fewer patches than numbers in each, or if no patch has any contrast; and the errors of the functions
    that it calls.

    Source: Coates, Ng, Lee, An analysis of single-layer networks in unsupervised feature learning, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from pp_ref.features.estimators import ConvolutionalFeatures, Standardiser
    >>> x = np.random.default_rng(0).integers(0, 256, (20, 8 * 8)).astype(np.uint8)
    >>> made = ConvolutionalFeatures((8, 8, 1), (3, 3), n_patches=200, filters=5, random_state=0)
    >>> make_pipeline(made, Standardiser()).fit_transform(x).shape  # four quadrants, five filters
    (20, 20)
    """

    dtypes = (np.float64, np.float32, np.uint8)
    least = 1

    def __init__(
        self,
        image_shape: tuple[int, int, int] | None = None,
        patch_shape: tuple[int, int] | None = None,
        n_patches: int = 10_000,
        filters: Filters = 100,
        bias: float = COATES["bias"],
        eps: float = 0.1,
        encoding: Encoding = "absolute",
        threshold: float = 0.0,
        random_state: Any = None,
    ) -> None:
        self.image_shape = image_shape
        self.patch_shape = patch_shape
        self.n_patches = n_patches
        self.filters = filters
        self.bias = bias
        self.eps = eps
        self.encoding = encoding
        self.threshold = threshold
        self.random_state = random_state

    def _learn(self, X: NDArray[Any]) -> None:
        images = self._images(X)
        parts = encoding_parts(self.encoding, self.threshold)
        rng = np.random.default_rng(self.random_state)
        _, h, w, c = images.shape
        self.patch_shape_ = (min(6, h), min(6, w)) if self.patch_shape is None else self.patch_shape
        check_extents("patch_shape", self.patch_shape_, "height, width", "a patch has all channels of its image")
        check_integer(1, n_patches=self.n_patches)
        if self.n_patches < (d := prod(self.patch_shape_) * c):
            raise DomainError(
                f"n_patches is {self.n_patches}, fewer than the {d} numbers of a patch; expected many more: their "
                "covariance would be singular. Draw more patches or take smaller ones"
            )
        patches = normalise_contrast(sample_patches(images, self.patch_shape_, self.n_patches, rng), **self._contrast())
        if d > 1 and not patches.any():
            height, width = self.patch_shape_
            raise DomainError(
                f"X has no contrast: in each of the {self.n_patches} patches of {height} x {width} x {c} that were "
                "drawn all numbers are equal; expected images that are not constant: see how they were read, or draw "
                "more patches"
            )
        self.whitening_: Whitening = fit_whitening(patches, eps=self.eps)
        self.filters_ = learn_filters(self.filters, self.whitening_.transform(patches), rng)
        self._n_features_out = 4 * len(parts) * self.filters_.shape[1]

    def transform(self, X: Any) -> NDArray[Any]:
        """(n, h w c) -> (n, 4 m), or (n, 8 m) for encodings with two parts."""
        return extract_features(
            self._images(self._rows(X)),
            self.filters_,
            self.patch_shape_,
            self.whitening_,
            self._contrast(),
            self.encoding,
            self.threshold,
        )

    def _contrast(self) -> dict[str, Any]:
        return COATES | {"bias": self.bias}

    def _images(self, X: NDArray[Any]) -> NDArray[Any]:
        shape = (1, X.shape[1], 1) if self.image_shape is None else self.image_shape
        check_extents("image_shape", shape, "h, w, c", "a grey image has c = 1")
        if prod(shape) != X.shape[1]:
            raise ShapeError(f"X has {X.shape[1]} numbers per row, expected {prod(shape)}, as in image_shape {shape}")
        return X.reshape(len(X), *shape)
