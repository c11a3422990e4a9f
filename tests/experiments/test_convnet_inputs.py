"""The convnet's images: each preparation by its formula, and validation images in place of the test images."""

import numpy as np
import pytest

from pp_ref.data import Dataset, Split
from pp_ref.errors import DomainError
from pp_ref.experiments import convnet_inputs
from pp_ref.experiments.convnet_inputs import PREPROCESSING, load_inputs
from pp_ref.features import fit_whitening, normalise_contrast


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """The user's cache in a folder of the test."""
    monkeypatch.setattr(convnet_inputs, "user_cache", lambda name: tmp_path / name)
    return tmp_path / "prepared"


@pytest.fixture
def cifar(monkeypatch):
    """Thirty training and ten test images of noise in CIFAR-10's layout, numbered by their first pixel."""
    x = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 3), np.uint8)
    x[:, 0, 0, 0] = np.arange(40)
    data = Dataset("noise", Split(x[:30], np.arange(30)), Split(x[30:], np.arange(30, 40)), "drawn", "0" * 64)
    monkeypatch.setattr(convnet_inputs, "load_cifar10", lambda: data)
    return data


def inputs(**entries):
    return load_inputs({"data": "cifar10", "images": 20, **entries})


def test_the_mean_image_is_that_of_the_images_that_are_used(cifar):
    made = inputs(preprocessing="mean")
    mean = (cifar.train.x[:20] / 255).mean(axis=0)
    for (x, y), (pixels, labels) in ((made.train, cifar.train), (made.test, cifar.test)):
        want = (pixels[: len(x)] / 255 - mean) / 0.25
        # Pixel, mean, difference and quotient are rounded to float32 once each; all are at most 1 before the division.
        assert np.max(np.abs(x - want)) <= 4 * np.finfo(np.float32).eps / 2 / 0.25
        assert x.dtype == np.float32
        np.testing.assert_array_equal(y, labels[: len(y)])


def test_contrast_and_whitening(cifar):
    x, x_test = (normalise_contrast(pixels) for pixels in (cifar.train.x[:20], cifar.test.x))
    contrast, whitened, usual = inputs(preprocessing="contrast"), inputs(preprocessing="contrast-zca"), inputs()
    whitening = fit_whitening(x)
    for made, want, want_test in (
        (contrast, x, x_test),
        (whitened, whitening.transform(x), whitening.transform(x_test)),
        (usual, whitening.transform(x), whitening.transform(x_test)),
    ):
        np.testing.assert_array_equal(made.train.x, want)
        np.testing.assert_array_equal(made.test.x, want_test)


@pytest.mark.parametrize("preprocessing", PREPROCESSING)
def test_preparing_writes_to_no_published_image(cifar, preprocessing):
    for split in (cifar.train, cifar.test):
        split.x.flags.writeable = False
    inputs(preprocessing=preprocessing)


def test_whitened_images_are_kept_and_nothing_else_is(cifar, cache, monkeypatch):
    first = inputs(preprocessing="contrast-zca")
    inputs(preprocessing="mean")
    (kept,) = cache.iterdir()
    monkeypatch.setitem(PREPROCESSING, "contrast-zca", None)  # it is not called again
    again = inputs()
    for ours, theirs in ((first.train, again.train), (first.test, again.test)):
        np.testing.assert_array_equal(ours.x, theirs.x)
    assert kept.stat().st_size > 30 * 48 * 4


def test_other_images_have_another_file(cifar, cache):
    for entries in ({}, {"images": 19}, {"validation": {"images": 8}}, {"validation": {"images": 8, "seed": 1}}):
        inputs(**entries)
    assert len(list(cache.iterdir())) == 4


def test_a_cache_that_cannot_be_written(cifar, cache):
    cache.write_text("a file in place of the folder")
    with pytest.warns(RuntimeWarning, match="^the prepared images are held in memory: .* could not be written"):
        made = inputs()
    assert made.train.x.shape == (20, 4, 4, 3)


def test_validation_images_are_training_images_that_the_net_does_not_learn_from(cifar):
    made = inputs(preprocessing="none", validation={"images": 8})
    trained, judged = made.train.x[:, 0, 0, 0], made.test.x[:, 0, 0, 0]
    assert (len(trained), len(judged)) == (20, 8)
    assert not set(trained) & set(judged)
    assert max(*trained, *judged) < 30
    np.testing.assert_array_equal(judged, made.test.y)
    assert made.digest != cifar.digest


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"images": 31}, "^images is 31, but noise has 30 to train on: ask for fewer$"),
        (
            {"images": 23, "validation": {"images": 8}},
            "^images is 23, but noise, 8 held out has 22 to train on: ask for",
        ),
    ],
)
def test_more_images_than_there_are(cifar, entries, said):
    with pytest.raises(DomainError, match=said):
        inputs(**entries)


@pytest.mark.needs_data("cifar10")
def test_cifar10_is_normalised_and_whitened_by_the_images_that_are_used(cifar10, monkeypatch):
    """The middle of each image, and a tenth of the test images."""
    train, test = (Split(x[:1000, 12:20, 12:20], y[:1000]) for x, y in (cifar10.train, cifar10.test))
    monkeypatch.setattr(convnet_inputs, "load_cifar10", lambda: cifar10._replace(train=train, test=test))
    made = load_inputs({"data": "cifar10", "images": 100})
    assert made.train.x.shape == (100, 8, 8, 3)
    assert made.test.x.shape == (1000, 8, 8, 3)
    # Whitened by themselves, 100 images have mean 0: of 100 float32 numbers below 60, to the rounding of their sum.
    assert np.max(np.abs(made.train.x.mean(axis=0))) < 100 * 60 * np.finfo(np.float32).eps
