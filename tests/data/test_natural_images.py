"""Natural images: the same pixels from TIFF files and from the archive; any other content is refused."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from pp_ref.data import load_natural_images
from pp_ref.data.natural_images import COLLECTIONS
from pp_ref.data.search import look_for
from pp_ref.errors import DataError, DomainError

SMALL = {
    name: np.random.default_rng(seed).integers(0, 256, (len(COLLECTIONS[name].files), 4, 6 + seed), "u1")
    for seed, name in enumerate(COLLECTIONS)
}


PATCHES = {
    "pp_ref.data.natural_images.COLLECTIONS": {
        name: COLLECTIONS[name]._replace(size=x.shape[1:], digest=hashlib.sha256(x.tobytes()).hexdigest())
        for name, x in SMALL.items()
    }
}


@pytest.fixture
def folder(tmp_path):
    for name, images in SMALL.items():
        (tmp_path / name).mkdir()
        for file, image in zip(COLLECTIONS[name].files, images, strict=True):
            Image.fromarray(image).save(tmp_path / file, compression="packbits")
    return tmp_path


def archive(tmp_path, **arrays):
    (tmp_path / "packed").mkdir()
    np.savez(tmp_path / "packed" / "natural_images.npz", **SMALL | arrays)
    return tmp_path / "packed"


@pytest.mark.parametrize("name", SMALL)
def test_either_form_gives_the_same(tmp_path, folder, name):
    packed = archive(tmp_path)
    for place in (folder, packed, packed / "natural_images.npz"):
        got = load_natural_images(name, place)
        np.testing.assert_array_equal(got.x, SMALL[name][..., None])
        assert got.x.dtype == np.uint8
        assert got.name == name
        assert got.digest in got.source


def test_without_them_it_says_where_they_are():
    message = (
        r"^natural-images was not found. Looked in: .*Put natural_images.npz .* or pass it as path=. They are not "
        "downloaded: take Hyvarinen's .*bio-sfa .*hyvarinen, and Olshausen's .*CDBN into a folder olshausen beside it$"
    )
    with pytest.raises(DataError, match=message):
        load_natural_images()


def test_a_missing_image(folder):
    (folder / "hyvarinen" / "7.tiff").unlink()
    with pytest.raises(DataError, match="lacks hyvarinen/7.tiff"):
        load_natural_images("olshausen", folder)


def test_another_name():
    with pytest.raises(DomainError, match="^name is 'hateren', expected one of: hyvarinen, olshausen$"):
        load_natural_images("hateren")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"cannot be read \(UnidentifiedImageError: .*\); expected a TIFF image: fetch it again$"),
        (b"II*\0text", "cannot be read .*expected a TIFF image: fetch it again$"),
        (slice(0, 60), "cannot be read .*expected a TIFF image: fetch it again$"),
        (np.zeros((4, 5), "u1"), r"holds an image of shape \(4, 5\), expected \(4, 6\), grey: is it another one\?$"),
        (np.zeros((4, 6, 3), "u1"), r"holds an image of shape \(4, 6, 3\), expected \(4, 6\), grey"),
    ],
)
def test_a_file_that_is_no_such_image(folder, content, message):
    file = folder / "hyvarinen" / "3.tiff"
    if isinstance(content, np.ndarray):
        Image.fromarray(content).save(file)
    else:
        file.write_bytes(file.read_bytes()[content] if isinstance(content, slice) else content)
    with pytest.raises(DataError, match=f"^{file} {message}"):
        load_natural_images("hyvarinen", folder)


def test_other_pixels_or_another_order(folder):
    first, second = (folder / "olshausen" / f"0{number}.tif" for number in (1, 2))
    first.write_bytes(second.read_bytes())
    message = f"^{folder / 'olshausen'} holds images of the right size with SHA-256 .*; expected .*, those of olshausen"
    with pytest.raises(DataError, match=message):
        load_natural_images("olshausen", folder)


@pytest.mark.parametrize("x", [SMALL["hyvarinen"][1:], SMALL["hyvarinen"].astype(float), np.array(3)])
def test_another_array(tmp_path, x):
    message = r"natural_images.npz holds .*; expected uint8 \(13, 4, 6\), the images of hyvarinen: is it another set\?$"
    with pytest.raises(DataError, match=message):
        load_natural_images("hyvarinen", archive(tmp_path, hyvarinen=x))


@pytest.mark.needs_data("natural-images")
@pytest.mark.parametrize(("name", "shape"), [("hyvarinen", (13, 256, 512, 1)), ("olshausen", (10, 512, 512, 1))])
def test_the_real_ones_in_both_forms(name, shape):
    place, _ = look_for("natural-images")
    a = load_natural_images(name)
    assert a.x.shape == shape
    if (file := place / "natural_images.npz").is_file():
        np.testing.assert_array_equal(load_natural_images(name, file).x, a.x)
