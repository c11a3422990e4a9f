"""Feature extraction against its definition, patch by patch, within a bound for any order of the sums."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.features import (
    COATES,
    encode,
    extract_features,
    extraction,
    fit_whitening,
    normalise_contrast,
    preprocessing,
    quadrant_sums,
    sample_patches,
)
from tests.bounds import assert_within
from tests.features.test_preprocessing import by_loops
from tests.refused import refuses

ENCODINGS = {"absolute": 0.0, "rectified": 0.0, "split": 0.0, "soft": 0.3}
H, W_, C, SHAPE = 9, 8, 2, (3, 3)  # 7 x 6 patches: the first half of the rows has one more
D = SHAPE[0] * SHAPE[1] * C


def images(n=5, dtype="u1", seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, H, W_, C)).astype(dtype)


def whitening(kind="zca", seed=1):
    drawn = sample_patches(images(20, seed=seed), SHAPE, 500, np.random.default_rng(seed))
    return fit_whitening(normalise_contrast(drawn.astype(float), **COATES), kind, eps=0.1)


def filters(m=5, d=D, dtype="f8"):
    return np.random.default_rng(2).standard_normal((d, m)).astype(dtype)


def gamma(k, dtype):
    ku = k * np.finfo(dtype).eps / 2
    return ku / (1 - ku)


def by_definition(x, W, white, encoding, threshold):
    """Return the features patch by patch, and a bound on the error of any other order of the sums.

    The error of the normalised y is that of `by_loops`. A = P W has an error of gamma(2 d) in float64 and is rounded to
    dtype; its product with one more term has an error of gamma(d + 1), both in units of s = (|y| + |mean|) |P| |W|. An
    encoding increases no difference and rounds once; a sum of N has an error of gamma(N) of its absolute terms.
    """
    dtype = np.float64 if x.dtype == np.float64 else np.float32
    n, h, w, _ = x.shape
    height, width, parts = h - SHAPE[0] + 1, w - SHAPE[1] + 1, 1 + (encoding in ("split", "soft"))
    m = W.shape[1]
    want, bound, size = np.zeros((3, n, 4, parts * m))
    for image, i, j in np.ndindex(n, height, width):
        patch = x[image, i : i + SHAPE[0], j : j + SHAPE[1]].reshape(1, -1)
        y, dy = by_loops(patch, **COATES)
        z = (y - white.mean) @ white.P @ W
        P_W = abs(white.P) @ abs(W)
        s = (abs(y) + dy + abs(white.mean)) @ P_W
        dz = dy @ P_W + (gamma(D + 3, dtype) + 2 * gamma(2 * D + 4, np.float64)) * s
        dz += gamma(1, dtype) * (abs(z) + dz + threshold)
        quadrant = 2 * (i >= (height + 1) // 2) + (j >= (width + 1) // 2)
        want[image, quadrant] += encode(z, encoding, threshold)[0]
        bound[image, quadrant] += np.tile(dz[0], parts)
        size[image, quadrant] += np.tile((abs(z) + dz)[0], parts)
    bound += (gamma(height * width, dtype) + gamma(height * width, np.float64)) * size
    return want.reshape(n, -1), bound.reshape(n, -1)


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", ["zca", "pca"])
@pytest.mark.parametrize("block", [1, 2 * 42 * (3 * D + 1 + 2 * 5), 2**21])  # an image, two, all of them at a time
def test_the_fast_way_is_the_definition(monkeypatch, dtype, encoding, kind, block):
    monkeypatch.setattr(extraction, "BLOCK_ENTRIES", block)
    x, white, threshold = images(dtype=dtype), whitening(kind), ENCODINGS[encoding]
    W = filters(d=white.P.shape[1])
    before = x.copy()
    got = extract_features(x, W, SHAPE, white, encoding=encoding, threshold=threshold)
    assert got.dtype == (np.float64 if dtype == "f8" else np.float32)
    assert_within(got, *by_definition(x, W, white, encoding, threshold), f"{encoding}, {kind}")
    np.testing.assert_array_equal(x, before)


FAULTS = {
    "the mean is forgotten": lambda x, W, white: extract_features(x, W, SHAPE, replace(white, mean=0 * white.mean)),
    "no contrast": lambda x, W, white: extract_features(x, W, SHAPE, white, contrast=None),
    "rows for columns": lambda x, W, white: extract_features(x.transpose(0, 2, 1, 3), W, SHAPE, white),
    "the odd row in the last half": lambda x, W, white: extract_features(x[:, ::-1], W, SHAPE, white),
    "a stale last image": lambda x, W, white: extract_features(x[[0, 1, 2, 3, 3]], W, SHAPE, white),
    "NaN": lambda x, W, white: np.where(np.arange(20) == 7, np.nan, extract_features(x, W, SHAPE, white)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_check_notices(fault):
    x, W, white = images(), filters(), whitening()
    with pytest.raises(AssertionError, match="outside, first at"):
        assert_within(FAULTS[fault](x, W, white), *by_definition(x, W, white, "absolute", 0.0), fault)


def test_bits_spell_the_pixels_read():
    """Without contrast and whitening every product and sum is exact, in every order."""
    x = np.random.default_rng(3).integers(0, 2, (3, 6, 5, 2), "u1")
    W = 2.0 ** np.arange(8)[:, None] * [1, -1]
    want = np.zeros((3, 4, 2))
    for n, i, j in np.ndindex(3, 5, 4):
        bits = x[n, i : i + 2, j : j + 2].ravel()
        want[n, 2 * (i >= 3) + (j >= 2)] += int(bits @ (1 << np.arange(8))) * np.array([1, 0])
    for dtype in ("u1", "f4", "f8"):
        got = extract_features(x.astype(dtype), W, (2, 2), contrast=None, encoding="rectified")
        np.testing.assert_array_equal(got, want.reshape(3, 8))


def test_constant_images_are_the_whitenings_mean():
    """Their contrast is zero, not noise: each patch gives |-mean P W|."""
    white, W = whitening(), filters()
    got = extract_features(np.full((2, H, W_, C), 0.1), W, SHAPE, white).reshape(2, 4, 5)
    z = abs(white.mean @ white.P @ W)
    patches = np.array([12, 12, 9, 9])[:, None]
    bound = (
        (gamma(2 * D + 4, np.float64) * 2 + gamma(12, np.float64)) * patches * (abs(white.mean) @ abs(white.P) @ abs(W))
    )
    assert_within(got, np.tile(patches * z, (2, 1, 1)), np.tile(bound, (2, 1, 1)), "constant images")


@pytest.mark.parametrize(("h", "w"), [(27, 27), (4, 6), (5, 1), (1, 1)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_quadrant_sums_add_up(h, w, dtype):
    """z holds integers, so every order of the sums gives the same bits."""
    z = np.random.default_rng(4).integers(-99, 100, (3, h, w, 2)).astype(dtype)
    sums = quadrant_sums(z)
    assert (sums.shape, sums.dtype) == ((3, 4, 2), z.dtype)
    np.testing.assert_array_equal(sums.sum(axis=1), z.sum(axis=(1, 2)))


def test_the_first_half_is_the_larger():
    np.testing.assert_array_equal(quadrant_sums(np.ones((1, 27, 27, 1)))[0, :, 0], [14 * 14, 14 * 13, 13 * 14, 13 * 13])
    np.testing.assert_array_equal(quadrant_sums(np.ones((1, 1, 3, 1)))[0, :, 0], [2, 1, 0, 0])


@pytest.mark.parametrize(("m", "encoding"), [(1, "absolute"), (1, "soft"), (400, "absolute")])
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_memory_does_not_grow_with_the_images(m, encoding, dtype):
    """Beside the result there are one block, three float64 copies of a block of contrast, and W and A in float64."""
    n = 60 if m == 1 else 6  # several blocks
    x = np.random.default_rng(5).integers(0, 256, (n, 32, 32, 3)).astype(dtype)
    W = np.random.default_rng(6).standard_normal((108, m))
    extract_features(x[:1], W, (6, 6), encoding=encoding)
    tracemalloc.start()
    try:
        features = extract_features(x, W, (6, 6), encoding=encoding)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    block = extraction.BLOCK_ENTRIES * features.itemsize
    assert 729 * (3 * 108 + 1 + 2 * m) * 2 <= extraction.BLOCK_ENTRIES, "two images a block"
    contrast, filters = 3 * 8 * preprocessing.BLOCK * 108, 3 * 8 * 109 * m
    assert peak >= block / 2, "the block is not what takes the memory"
    assert peak <= features.nbytes + block + contrast + filters + 2**18  # views and small arrays
    assert features.nbytes < block
    assert contrast + block < (12e6 if features.itemsize == 4 else 20e6)


def test_no_images():
    assert extract_features(images(0), filters(), SHAPE, whitening()).shape == (0, 20)


REFUSED = {
    ShapeError: [
        ({"patch_shape": (10, 3)}, "^patch_shape is 10 x 3 but images are 9 x 8; expected patches of at mos"),
        ({"patch_shape": (3, 2)}, "^whitening was fitted to 18 numbers per row, expected 12, those of a patc"),
        ({"W": filters(d=7)}, r"^W has shape \(7, 5\), expected 18 rows, one for each number of a whitened"),
        ({"W": filters()[0]}, r"^W has shape \(5,\), expected axes \(d, m\)$"),
        (
            {"W": filters()[:, :0]},
            r"^W has shape \(18, 0\), expected at least one column, a filter: learn or draw some first$",
        ),
        ({"images": images()[0]}, r"^images have shape \(9, 8, 2\), expected axes \(n, height, width, chan"),
    ],
    DomainError: [
        ({"W": filters() * np.nan}, "^W has 90 entries that are NaN or infinite"),
        (
            {"images": images(dtype="i4")},
            "^images is an array of int32, .* expected an array of uint8, float32 or float64: use",
        ),
        (
            {"images": np.where(np.arange(2) == 1, np.nan, images(dtype="f8"))},
            r"^images has 360 entries that are NaN or infinite, first at \(0, 0, 0, 1\)",
        ),
        ({"encoding": "triangle"}, "^encoding is 'triangle'"),
        ({"threshold": 1.0}, "^threshold is 1.0, but the encoding 'absolute' has none"),
        ({"contrast": {"scale": 0}}, "^scale is 0"),
    ],
}


def change(settings):
    extract_features(**{"images": images(), "W": filters(), "patch_shape": SHAPE, "whitening": whitening()} | settings)


test_messages = refuses(change, REFUSED)


@pytest.mark.needs_data("cifar10")
def test_cifar10_in_blocks_of_any_size(cifar10, monkeypatch):
    """27 x 27 patches of 6 x 6 x 3, one image at a time or all at once."""
    x = cifar10.test.x[:7]
    white = fit_whitening(normalise_contrast(sample_patches(x, (6, 6), 2000, np.random.default_rng(0)), **COATES))
    W = np.random.default_rng(1).standard_normal((108, 16)).astype("f4")
    whole = extract_features(x, W, (6, 6), white)
    assert whole.shape == (7, 64)
    monkeypatch.setattr(extraction, "BLOCK_ENTRIES", 1)
    each = extract_features(x, W, (6, 6), white)
    # Columns and A are the same to the bit: only the order of a product's 109 terms and of a sum's 196 may differ.
    y = extract_features(x, np.eye(108), (6, 6)).reshape(7, 4, 108)  # the sums of |y|
    A = abs(extraction.folded_filters(W, white, 108, np.float32)).astype(float)
    size = y @ A[:-1] + np.array([196, 182, 182, 169])[:, None] * A[-1]
    assert_within(each, whole, 2 * gamma(2 * (109 + 196), "f4") * size.reshape(7, 64), "one image at a time")
