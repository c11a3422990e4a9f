"""Patches: each a window of its image in the order of a Grid, every place as likely as any other."""

import math
import re

import numpy as np
import pytest

from pp_ref.dictionaries import Grid
from pp_ref.errors import DomainError, ShapeError
from pp_ref.features import every_patch, patches, sample_patches
from tests.refused import refuses


def numbered(n=2, h=4, w=5, c=2, dtype="i4"):
    """Return images whose numbers all differ."""
    return np.arange(n * h * w * c, dtype=dtype).reshape(n, h, w, c)


def test_every_patch_by_loops():
    x = numbered()
    views = every_patch(x, (3, 2))
    assert views.shape == (2, 2, 4, 3, 2, 2)
    for n, i, j, p, q, c in np.ndindex(views.shape):
        assert views[n, i, j, p, q, c] == x[n, i + p, j + q, c]
    assert np.shares_memory(views, x)
    assert not views.flags.writeable


def test_a_patch_lies_in_the_order_of_a_grid():
    x = numbered(n=1)
    (patch,) = sample_patches(x, (4, 5), 1, np.random.default_rng(0))
    for value, (iy, ix, ic) in zip(patch, Grid(4, 5, 2).points().astype(int), strict=True):
        assert value == x[0, iy, ix, ic]


@pytest.mark.parametrize("block", [7, 2**15])
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_samples_are_patches_and_every_place_is_drawn(monkeypatch, block, dtype):
    monkeypatch.setattr(patches, "BLOCK", block)
    x = numbered(dtype=dtype)
    before = x.copy()
    drawn = sample_patches(x, (3, 2), 3200, np.random.default_rng(1))
    places = {patch.tobytes(): at for at, patch in enumerate(every_patch(x, (3, 2)).reshape(-1, 12))}
    counts = np.bincount([places[patch.tobytes()] for patch in drawn], minlength=16)  # KeyError if it is no patch
    assert abs(counts - 200).max() < 6 * math.sqrt(200)  # 6 standard deviations
    assert (drawn.dtype, drawn.shape) == (x.dtype, (3200, 12))
    assert drawn.flags.c_contiguous
    np.testing.assert_array_equal(x, before)


def test_draws_are_the_generators():
    a, b, c = (sample_patches(numbered(), (2, 2), 20, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_no_patches():
    assert sample_patches(numbered(), (2, 3), 0, np.random.default_rng(0)).shape == (0, 12)
    assert every_patch(numbered(n=0), (2, 3)).shape == (0, 3, 3, 2, 3, 2)


def test_a_mapped_file_with_exchanged_axes(tmp_path):
    """The file has the layout of STL-10."""
    x = numbered(dtype="u1")
    x.transpose(0, 3, 2, 1).tofile(tmp_path / "images")
    mapped = np.memmap(tmp_path / "images", np.uint8, "r", shape=(2, 2, 5, 4)).transpose(0, 3, 2, 1)
    want, got = (sample_patches(images, (3, 2), 50, np.random.default_rng(0)) for images in (x, mapped))
    np.testing.assert_array_equal(got, want)
    assert type(got) is np.ndarray


DRAWS = pytest.mark.parametrize(
    "draw", [every_patch, lambda x, shape: sample_patches(x, shape, 3, np.random.default_rng(0))]
)


@DRAWS
@pytest.mark.parametrize("shape", [(5, 2), (3, 6)])
def test_a_patch_larger_than_the_image(draw, shape):
    message = "^patch_shape is {} x {} but images are 4 x 5; expected patches of at most 4 x 5: take smaller patches$"
    with pytest.raises(ShapeError, match=message.format(*shape)):
        draw(numbered(), shape)


@DRAWS
@pytest.mark.parametrize("shape", [(0, 2), (2, -1), (2, 2, 2), (2.0, 2), (2,), 2, "22", None])
def test_a_patch_that_has_no_shape(draw, shape):
    expected = r"expected \(height, width\), 2 integers >= 1: a patch has all channels "
    with pytest.raises(ShapeError, match=f"^patch_shape is {re.escape(repr(shape))}, {expected}"):
        draw(numbered(), shape)


def test_the_shape_of_a_patch_may_be_a_list_or_an_array():
    want = every_patch(numbered(), (3, 2))
    for shape in ([3, 2], np.array([3, 2])):
        np.testing.assert_array_equal(every_patch(numbered(), shape), want)


def test_a_patch_that_is_not_finite_is_named_by_its_image():
    x = numbered(n=3, dtype="f4")
    x[1] = np.inf
    draws = np.random.default_rng(0)
    n, row, column = (draws.integers(0, extent, 20) for extent in (3, 3, 4))
    first = np.argmax(n == 1)
    message = (
        f"^images have {(n == 1).sum()} patches, of 20 drawn, with NaN or infinity, first that of image 1 at row "
        f"{row[first]}, column {column[first]}; expected finite numbers: remove or repair those images$"
    )
    with pytest.raises(DomainError, match=message):
        sample_patches(x, (2, 2), 20, np.random.default_rng(0))


REFUSED = {
    DomainError: [
        (numbered(n=0), 1, r"^images have shape \(0, 4, 5, 2\), expected at least one image to draw pat"),
        (numbered(), -1, "^n_patches is -1, expected an integer >= 0$"),
        (numbered(), 1.5, "^n_patches is 1.5, expected an integer >= 0$"),
        (np.full((1, 2, 2, 1), np.nan), 3, "^images have 3 patches, of 3 drawn, with NaN or inf"),
    ],
    ShapeError: [
        (numbered()[0], 1, r"^images have shape \(4, 5, 2\), expected axes \(n, height, width, channels\)$"),
    ],
}
test_messages = refuses(lambda x, n: sample_patches(x, (2, 2), n, np.random.default_rng(0)), REFUSED)


@pytest.mark.needs_data("cifar10")
def test_the_patches_of_coates(cifar10):
    """400,000 patches have the moments of the images they come from, within six standard errors of independent ones."""
    drawn = sample_patches(cifar10.train.x, (6, 6), 400_000, np.random.default_rng(0))
    assert (drawn.shape, drawn.dtype) == ((400_000, 108), np.uint8)
    centre = cifar10.train.x[:, 13:19, 13:19].reshape(-1, 108)  # one place stands for all but those at the edges
    assert abs(drawn.mean() - centre.mean()) < 6 * (drawn.std() / math.sqrt(400_000) + centre.std() / math.sqrt(50_000))
