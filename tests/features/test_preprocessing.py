"""Bytes to numbers, contrast, flips and crops: against loops, with derived tolerances."""

import math

import array_api_strict
import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.features import as_floats, normalise_contrast, preprocessing, random_crops, random_flips
from tests.bounds import assert_within
from tests.refused import refuses

FORMULAS = {
    "norm": {},
    "coates": {"scale": 1.0, "bias": 10.0, "by": "deviation"},
    "both": {"scale": 2.5, "bias": 0.3, "by": "norm"},
}
KEPT = {f"{name}, with the mean": settings | {"centre": False} for name, settings in FORMULAS.items()}


def images(n=5, dtype="u1", seed=0):
    """Bytes in any dtype, read-only: what writes to its input raises."""
    x = np.random.default_rng(seed).integers(0, 256, (n, 6, 5, 3)).astype(dtype)
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_byte_is_rounded_once(dtype):
    grey = np.arange(256, dtype="u1").reshape(2, 8, 8, 2)
    x = as_floats(grey, dtype)
    np.testing.assert_array_equal(x, grey / dtype(255))
    assert x.dtype == dtype
    assert (x.min(), x.max(), x.shape) == (0, 1, grey.shape)
    assert x.flags.c_contiguous
    assert as_floats(grey[:0]).shape == (0, 8, 8, 2)


def test_what_is_no_byte_is_not_converted():
    with pytest.raises(DomainError, match="^images are float32, expected uint8 in 0..255: floats need no conversion$"):
        as_floats(images(dtype="f4"))
    with pytest.raises(DomainError, match="^dtype is int64, expected float32 or float64$"):
        as_floats(images(), np.int64)


def by_loops(x, scale=55.0, bias=0.0, by="norm", centre=True):
    """Return the formula image by image with correctly rounded sums, and a bound on the error of any other order."""
    want, bound = np.zeros(x.shape), np.zeros(x.shape)
    for n, image in enumerate(x.astype(float)):
        values = image.ravel().tolist()
        d, mean = len(values), math.fsum(values) / len(values)
        q = math.fsum((value - mean) ** 2 for value in values)
        gain = scale / math.sqrt(bias + (q if by == "norm" else q / (d - 1)))
        want[n] = gain * (image - mean if centre else image)
        # The mean is off by d u max|x| at most; that moves x - mean by as much and q, as sum (x - mean) = 0, by d times
        # its square. q's own sum and the few operations around it are off by (d + 10) u, relatively.
        u = 2.0**-53
        off = (d + 2) * u * max(map(abs, values))
        relative = (d + 10) * u + d * off**2 / q
        bound[n] = gain * off * centre + abs(want[n]) * relative
    u = 0 if x.dtype == np.float64 else np.finfo(np.float32).eps / 2
    return want, bound * (1 + u) + abs(want) * u


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
@pytest.mark.parametrize("formula", FORMULAS | KEPT)
@pytest.mark.parametrize("block", [2, 1024])
def test_contrast_is_the_formula(monkeypatch, dtype, formula, block):
    monkeypatch.setattr(preprocessing, "BLOCK", block)
    x = images(dtype=dtype)
    y = normalise_contrast(x, **(FORMULAS | KEPT)[formula])
    assert_within(y, *by_loops(x, **(FORMULAS | KEPT)[formula]), formula)
    assert y.dtype == (np.float64 if dtype == "f8" else np.float32)


def test_by_the_norm_the_unit_does_not_matter():
    """Powers of two change no bit: 0..256 and 0..1 give the same."""
    x = images(dtype="f8")
    np.testing.assert_array_equal(normalise_contrast(x / 256), normalise_contrast(x))


def test_two_values_exactly():
    x = np.tile([0.0, 2.0], 8).reshape(1, 4, 4, 1)  # mean 1, norm 4
    np.testing.assert_array_equal(normalise_contrast(x, scale=8.0), 2 * (x - 1))
    np.testing.assert_array_equal(normalise_contrast(x, 6.0, 20.0), x - 1)
    np.testing.assert_array_equal(normalise_contrast(x[:, :2, :, :], 6.0, 36 - 8 / 7, "deviation").sum(), 0)


@pytest.mark.parametrize("value", [0, 1, 255])
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_constant_images_are_zero(value, dtype, formula):
    x = np.full((2, 32, 32, 3), value, dtype)
    np.testing.assert_array_equal(normalise_contrast(x, **FORMULAS[formula]), 0)


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_a_constant_image_that_keeps_its_mean_has_the_contrast_zero(dtype):
    x = np.full((2, 32, 32, 3), 200, dtype)
    np.testing.assert_array_equal(normalise_contrast(x, 3.0, 4.0, centre=False), 300)
    np.testing.assert_array_equal(normalise_contrast(x, 3.0, 0.0, centre=False), 0)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-30, -7e20])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_rounding_of_a_constant_is_not_blown_up(value, dtype):
    for size in (3, 7, 32, 33):
        x = np.full((1, size, size, 3), value, dtype)
        np.testing.assert_array_equal(normalise_contrast(x), 0)


def test_one_grey_level_of_contrast_counts():
    x = np.full((1, 32, 32, 3), 200, "u1")
    x[0, 3, 4, 1] += 1
    norm = np.linalg.norm(normalise_contrast(x).astype(float))
    assert abs(norm - 55) <= 55 * 2.0**-23  # each entry of float32 is off by 2^-24, relatively


def test_zero_images_and_one_number_an_image():
    assert normalise_contrast(images(0)).shape == (0, 6, 5, 3)
    np.testing.assert_array_equal(normalise_contrast(np.ones((3, 1)), by="deviation"), 0)


CONTRASTS = [
    (images(), {"scale": 0}, "^scale is 0, expected a finite number > 0$"),
    (images(), {"bias": -1}, "^bias is -1, expected a finite number >= 0$"),
    (images(), {"bias": np.nan}, "^bias is nan, expected a finite number >= 0$"),
    (images(), {"by": "std"}, "^by is 'std', expected 'norm' or 'deviation'$"),
    (images(dtype="i8"), {}, "^x is an array of int64, .* expected an array of uint8, float32 or float64: use"),
    (np.array([[0.0, 1], [np.nan, 1]]), {}, r"^x has 1 entries that are NaN or infinite, first at \(1, 0\)"),
    (np.array([[0.0, np.inf]]), {}, r"^x has 1 entries that are NaN or infinite, first at \(0, 1\)"),
]
test_contrast_messages = refuses(lambda x, settings: normalise_contrast(x, **settings), {DomainError: CONTRASTS})


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_a_flip_is_the_image_or_its_mirror_and_undoes_itself(dtype):
    x = images(200, dtype)
    y = random_flips(x, np.random.default_rng(3))
    same = (y == x).all(axis=(1, 2, 3))
    mirrored = (y == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all()
    assert 60 < mirrored.sum() < 140  # 100 +- 5.7 standard deviations
    np.testing.assert_array_equal(random_flips(y, np.random.default_rng(3)), x)
    assert y.dtype == x.dtype
    assert not np.shares_memory(x, y)


def test_a_flip_mirrors_the_columns():
    x = np.arange(2 * 3 * 4 * 2).reshape(2, 3, 4, 2)
    rng = np.random.default_rng(0)
    flipped = np.stack([random_flips(x, rng) for _ in range(20)]).max(axis=0)
    for n, iy, ix, ic in np.ndindex(x.shape):
        assert flipped[n, iy, ix, ic] == max(x[n, iy, ix, ic], x[n, iy, 3 - ix, ic])


def test_a_crop_is_a_window_and_every_place_is_drawn():
    h, w, height, width, padding = 5, 6, 4, 3, 1
    x = np.arange(1, h * w + 1).reshape(1, h, w, 1) * np.array([1, 100])  # no two pixels alike, none of them 0
    padded = np.zeros((h + 2, w + 2, 2), int)
    padded[1:-1, 1:-1] = x[0]
    windows = {
        padded[top : top + height, left : left + width].tobytes(): (top, left) for top in range(4) for left in range(6)
    }
    crops = random_crops(np.repeat(x, 2000, axis=0), height, width, np.random.default_rng(1), padding)
    assert crops.shape == (2000, height, width, 2)
    places = [windows[crop.tobytes()] for crop in crops]  # a KeyError if it is no window
    assert set(places) == set(windows.values())
    counts = np.unique(places, axis=0, return_counts=True)[1]
    assert abs(counts - 2000 / 24).max() < 6 * math.sqrt(2000 / 24)  # 6 standard deviations


def test_a_crop_of_the_whole_is_the_image():
    x = images(4)
    crops = random_crops(x, 6, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(crops, x)
    assert crops.flags.c_contiguous
    assert crops.dtype == x.dtype
    assert not np.shares_memory(x, crops)


def test_draws_are_the_generators():
    x = images(20)
    for draw in (random_flips, lambda x, rng: random_crops(x, 3, 3, rng, 2)):
        a, b, c = (draw(x, np.random.default_rng(seed)) for seed in (0, 0, 1))
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()


def test_no_images():
    rng = np.random.default_rng(0)
    assert random_flips(images(0), rng).shape == (0, 6, 5, 3)
    assert random_crops(images(0), 4, 3, rng, padding=1).shape == (0, 4, 3, 3)


CROPS = {
    ShapeError: [
        (7, 5, 0, "^height, width are 7, 5, expected 1 to 6 and 1 to 5, the images' size with padding 0: ask for sma"),
        (6, 8, 1, "^height, width are 6, 8, expected 1 to 8 and 1 to 7, .*smaller crops or more padding$"),
        (0, 5, 0, "^height, width are 0, 5, expected 1 to 6"),
    ],
    DomainError: [(6, 5, -1, "^padding is -1, expected an integer >= 0$")],
}
test_crop_messages = refuses(
    lambda height, width, padding: random_crops(images(), height, width, np.random.default_rng(0), padding), CROPS
)


@pytest.mark.parametrize("draw", [random_flips, lambda x, rng: random_crops(x, 2, 2, rng)])
def test_images_have_four_axes(draw):
    with pytest.raises(ShapeError, match=r"^images have shape \(4, 4\), expected axes \(n, height, width, channels\)$"):
        draw(np.zeros((4, 4)), np.random.default_rng(0))


def test_flips_on_another_array_library():
    x = images(20)
    strict = random_flips(array_api_strict.asarray(x), np.random.default_rng(1))
    np.testing.assert_array_equal(np.asarray(strict), random_flips(x, np.random.default_rng(1)))
