"""The transformers: scikit-learn's own checks, and the same numbers as the functions that they call."""

import pickle
import re

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.features import (
    COATES,
    encode,
    extract_features,
    fit_standardisation,
    fit_whitening,
    normalise_contrast,
    sample_patches,
)
from tests.features.test_whitening import correlated
from tests.processes import python
from tests.refused import refuses

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from pp_ref.features.estimators import (
    ContrastNormaliser,
    ConvolutionalFeatures,
    FilterEncoder,
    Standardiser,
    Whitener,
    learn_filters,
    random_patches,
)

SHAPE = (8, 7, 3)


@parametrize_with_checks(
    [
        ContrastNormaliser(),
        Whitener(),
        Whitener("pca", eps=0.0),
        Standardiser(),
        FilterEncoder(),
        FilterEncoder(2, "soft", 0.5),
        ConvolutionalFeatures(),
        ConvolutionalFeatures(patch_shape=(1, 1), n_patches=50, filters=3, encoding="split"),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def pictures(n=60, seed=0):
    """Return rows of images of two classes, which differ in the correlation of neighbours."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.integers(0, 256, (n, *SHAPE))
    x[y == 1] = (x[y == 1] + np.roll(x[y == 1], 1, axis=2)) // 2
    return x.astype("u1").reshape(n, -1), y


def coates(**settings):
    return ConvolutionalFeatures(
        **{"image_shape": SHAPE, "patch_shape": (4, 4), "n_patches": 2000, "filters": 20} | settings
    )


@pytest.mark.parametrize("rank", [8, 3])
def test_each_is_its_function(rank):
    x, other = correlated(rank=rank), correlated(seed=5)
    for transformer, function in (
        (ContrastNormaliser(), lambda z: normalise_contrast(z, **COATES)),
        (ContrastNormaliser(55, 0, "norm"), normalise_contrast),
        (ContrastNormaliser(centre=False), lambda z: normalise_contrast(z, **COATES, centre=False)),
        (Whitener(), fit_whitening(x).transform),
        (Whitener("pca", 0.2), fit_whitening(x, "pca", 0.2).transform),
        (Whitener("pca", 0), fit_whitening(x, "pca", 0).transform),
        (Standardiser(0.5), fit_standardisation(x, 0.5).transform),
    ):
        np.testing.assert_array_equal(transformer.fit(x).transform(other), function(other))


def test_filters_are_learned_when_fitted_and_applied_later():
    x, other = correlated(), correlated(seed=5)
    encoder = FilterEncoder(3, "split", random_state=4).fit(x)
    W = random_patches(x, 3, np.random.default_rng(4))
    np.testing.assert_array_equal(encoder.filters_, W)
    np.testing.assert_array_equal(encoder.transform(other), encode(other @ W, "split"))
    assert list(encoder.get_feature_names_out()) == [f"filterencoder{i}" for i in range(6)]


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_convolutional_features_are_their_functions(dtype):
    x, _ = pictures()
    x = x.astype(dtype)
    seen = []

    def learn(patches, rng):
        seen.append(patches)
        return rng.standard_normal((48, 5))

    features = coates(filters=learn, random_state=3, encoding="soft", threshold=0.1).fit(x)
    rng = np.random.default_rng(3)
    drawn = normalise_contrast(sample_patches(x.reshape(-1, *SHAPE), (4, 4), 2000, rng), **COATES)
    whitening = fit_whitening(drawn)
    np.testing.assert_array_equal(seen[0], whitening.transform(drawn))
    W = rng.standard_normal((48, 5))
    np.testing.assert_array_equal(features.filters_, W)
    got = features.transform(x)
    want = extract_features(x.reshape(-1, *SHAPE), W, (4, 4), whitening, COATES, "soft", 0.1)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == (np.float64 if dtype == "f8" else np.float32)
    assert got.shape == (60, 40)


def test_by_default_a_patch_is_6_x_6_or_what_fits():
    x, _ = pictures()
    assert ConvolutionalFeatures(SHAPE).fit(x).patch_shape_ == (6, 6)
    assert ConvolutionalFeatures().fit(x).patch_shape_ == (1, 6)
    assert ConvolutionalFeatures((1, 56, 3)).fit(x).filters_.shape == (18, 100)


def test_what_the_defaults_learn_in_a_pipeline_generalises():
    x, y = pictures(300)
    pipeline = make_pipeline(coates(random_state=0), Standardiser(), LinearSVC(C=100 / 200, dual=False))
    fitted = clone(pipeline).fit(x[:200], y[:200])
    assert fitted.score(x[200:], y[200:]) >= 0.8  # 6 standard deviations above guessing
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.decision_function(x), fitted.decision_function(x))


@pytest.mark.parametrize("estimator", [PCA(4), MiniBatchKMeans(4, n_init=1)])
def test_an_estimators_rows_are_the_filters(estimator):
    x = correlated()
    W, again = (learn_filters(estimator, x, np.random.default_rng(0)) for _ in range(2))
    assert W.shape == (8, 4)
    np.testing.assert_array_equal(W, again)
    assert not hasattr(estimator, "n_features_in_")  # a clone was fitted
    seeded = clone(estimator).set_params(random_state=5)
    fitted = clone(seeded).fit(x)
    rows = fitted.components_ if isinstance(fitted, PCA) else fitted.cluster_centers_
    np.testing.assert_array_equal(learn_filters(seeded, x, np.random.default_rng(0)), rows.T)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_random_patches_are_patches_of_unit_norm(dtype):
    x = correlated(20).astype(dtype)
    x[3] = 0
    W = random_patches(x, 20, np.random.default_rng(0))
    assert W.dtype == x.dtype
    norms = np.linalg.norm(x, axis=1)
    cosines = (x / np.where(norms > 0, norms, 1)[:, None]).astype(float) @ W.astype(float)
    u = 12 * np.finfo(dtype).eps  # rounding of two norms, two quotients and a product of 8
    assert sorted(np.argmax(abs(cosines - 1) <= u, axis=0)[(W != 0).any(axis=0)]) == [*range(3), *range(4, 20)]
    assert (W == 0).all(axis=0).sum() == 1  # the patch of zeros stays zero


FILTERS_REFUSED = {
    DomainError: [
        *(
            (
                wrong,
                f"^filters are {re.escape(repr(wrong))}, expected a number of random patches >= 1; a function "
                r"\(patches, rng\) -> W; or an estimator, not its class, such as sklearn.cluster.MiniBatchKMeans\(100",
            )
            for wrong in (0, 1.5, None, "kmeans", PCA, np.ndarray)
        ),
        (301, "^m is 301 filters, expected at most 300, the number of patches: draw more$"),
        (lambda v, rng: np.full((8, 2), np.nan), "^filters has 16 entries that are NaN or infinite"),
        (Whitener(), r"^filters are Whitener\(\), which has neither components_ nor cluster_centers_ once"),
    ],
    ShapeError: [
        (
            lambda v, rng: np.zeros((7, 2)),
            r"^learned filters have shape \(7, 2\), expected \(8, m\), filters as columns",
        ),
        (lambda v, rng: np.zeros(8), r"^learned filters have shape \(8,\), expected \(8, m\)"),
    ],
}
test_learning_messages = refuses(
    lambda filters: learn_filters(filters, correlated(), np.random.default_rng(0)), FILTERS_REFUSED
)


def test_what_cannot_be_fitted_learns_nothing():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        learn_filters(LinearRegression(), correlated(), np.random.default_rng(0))


NO_PATCH = "expected .height, width., 2 integers >= 1: a patch has all"
NO_IMAGE = "expected .h, w, c., 3 integers >= 1: a grey image has c ="
REFUSED = {
    DomainError: [
        ({"n_patches": 47}, "^n_patches is 47, fewer than the 48 numbers of a patch; expected many more: their covari"),
        ({"n_patches": 1e4}, "^n_patches is 10000.0, expected an integer >= 1$"),
        ({"encoding": "triangle"}, "^encoding is 'triangle'"),
        ({"bias": -1}, "^bias is -1"),
        ({"eps": -1}, "^eps is -1"),
    ],
    ShapeError: [
        ({"patch_shape": (9, 1)}, "^patch_shape is 9 x 1 but images are 8 x 7; expected patches of at most 8"),
        *(
            ({name: shape}, f"^{name} is {re.escape(repr(shape))}, {expected}")
            for name, expected, shapes in (
                ("patch_shape", NO_PATCH, ((6, 6, 3), (6.0, 6), (0, 6), 6)),
                ("image_shape", NO_IMAGE, ((8, 21), (-8, -7, 3), (8.0, 7, 3), 168)),
            )
            for shape in shapes
        ),
        ({"image_shape": (8, 8, 3)}, r"^X has 168 numbers per row, expected 192, as in image_shape \(8, 8, 3\)"),
    ],
}
test_fit_messages = refuses(lambda settings: coates(**settings).fit(pictures()[0]), REFUSED)


def test_images_without_contrast_teach_nothing():
    message = (
        "^X has no contrast: in each of the 2000 patches of 4 x 4 x 3 that were drawn all numbers are equal; expected "
        "images that are not constant: see how they were read, or draw more patches$"
    )
    for dtype in ("u1", "f4", "f8"):
        x = np.repeat(np.arange(5), np.prod(SHAPE)).reshape(5, -1).astype(dtype)
        with pytest.raises(DomainError, match=message):
            coates().fit(x)
    x[2, 80] += 1
    coates().fit(x)


def test_constant_images_are_features_too():
    x, _ = pictures()
    features = coates(random_state=0).fit(x)
    assert np.isfinite(features.transform(np.full((2, x.shape[1]), 7, "u1"))).all()


def test_nan_pixels_are_refused():
    x = pictures()[0].astype(float)
    features = coates().fit(x)
    x[3, 5] = np.nan
    for refused in (coates().fit, features.transform):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            refused(x)


def test_scikit_learn_is_asked_for_only_here():
    code = (
        "import sys; sys.modules['sklearn'] = None; import pp_ref.features\n"
        "try: import pp_ref.features.estimators\n"
        "except ImportError as error: print(error)"
    )
    assert python("-c", code).stdout == (
        "scikit-learn is not installed, but this function needs it: "
        "pip install scikit-learn (the extra 'features' of pp-ref)\n"
    )
