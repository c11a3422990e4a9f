"""Natural images: the same pixels from TIFF files and from the archive; any other content is refused."""

import hashlib
import struct

import numpy as np
import pytest
from PIL import Image

from pp_ref.data import load_natural_images
from pp_ref.data.natural_images import COLLECTIONS, read_grey
from pp_ref.data.search import look_for
from pp_ref.errors import DataError, DomainError
from tests.odd_files import ODD, memory_below

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
    with pytest.raises(DomainError, match="^name is 'hateren', expected one of hyvarinen, olshausen$"):
        load_natural_images("hateren")


MODE = "pixels in Pillow's mode"
EXPECTED = r"expected \(4, 6\) in mode L, grey: is it another one\?$"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"",
            r"cannot be read \(ValueError: it begins with the bytes \(none\)\); expected a TIFF image: fetch it again$",
        ),
        (b"II*\0text", "cannot be read .*expected a TIFF image: fetch it again$"),
        (slice(0, 60), "cannot be read .*expected a TIFF image: fetch it again$"),
        (np.zeros((4, 5), "u1"), rf"holds an image of \(4, 5\) {MODE} L, {EXPECTED}"),
        (np.zeros((4, 6, 3), "u1"), rf"holds an image of \(4, 6\) {MODE} RGB, {EXPECTED}"),
        (np.zeros((4, 6), "u2"), rf"holds an image of \(4, 6\) {MODE} I;16, {EXPECTED}"),
        (
            np.zeros((300, 300), "u1"),
            r"cannot be read \(OSError: it has 90,.* bytes, expected at most 66,584\); expected a TIFF",
        ),
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


@pytest.mark.parametrize("x", [SMALL["hyvarinen"][1:], SMALL["hyvarinen"].astype("i1"), np.array(3)])
def test_another_array(tmp_path, x):
    message = r"natural_images.npz holds .*; expected uint8 \(13, 4, 6\): is it another file\?$"
    with pytest.raises(DataError, match=message):
        load_natural_images("hyvarinen", archive(tmp_path, hyvarinen=x))


def tiff(entries, count=None):
    """A TIFF file of tags, each of them (tag, type, number, value)."""
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries) if count is None else count) + directory + bytes(4)


SIDES = [(256, 3, 1, 6), (257, 3, 1, 4)]
UNUSUAL = {
    "many tags": (tiff([(40_000 + tag, 2, 1000, 8) for tag in range(1000)]), r"its 1000 tags begin with \[40000, "),
    "a tag twice": (tiff([*SIDES, SIDES[0]]), r"its 3 tags begin with \[256, 257\]; expected some of \[254, 256,"),
    "tiles": (tiff([*SIDES, (322, 4, 1, 2**16), (323, 4, 1, 2**16)]), r"its 4 tags begin with \[256, 257, 322, 323\]"),
    "a directory more": (tiff([*SIDES, (34665, 4, 1, 8)]), r"its 3 tags begin with \[256, 257, 34665\]"),
    "fewer tags than said": (tiff(SIDES, 5), r"error: unpack_from requires a buffer|its 5 tags"),
    "BigTIFF": (b"II+\0\x08\0\0\0" + bytes(20), "it begins with the bytes 49 49 2b 00"),
}


@pytest.mark.parametrize(("content", "message"), UNUSUAL.values(), ids=list(UNUSUAL))
def test_tags_that_no_published_image_has(tmp_path, content, message):
    (tmp_path / "a.tiff").write_bytes(content)
    with pytest.raises(DataError, match=rf"a.tiff cannot be read \(.*({message})"):
        read_grey(tmp_path / "a.tiff", (4, 6))


@pytest.mark.parametrize("compression", ["packbits", "tiff_deflate", "tiff_lzw", None])
def test_a_small_image_of_many_zeros_is_not_decoded(tmp_path, compression):
    file = tmp_path / "a.tiff"
    Image.new("L", (6, 4)).save(file, compression=compression)
    assert not read_grey(file, (4, 6)).any()
    Image.new("L", (5000, 5000)).save(file, compression=compression)
    with memory_below(2**21), pytest.raises(DataError):
        read_grey(file, (4, 6))


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_regular_file(tmp_path, kind):
    make, why = ODD[kind]
    with (
        make(tmp_path / "file"),
        pytest.raises(DataError, match=rf"file cannot be read \(\w+: {why}\); expected a TIFF image: fetch it again$"),
    ):
        read_grey(tmp_path / "file", (4, 6))


@pytest.mark.needs_data("natural-images")
@pytest.mark.parametrize(("name", "shape"), [("hyvarinen", (13, 256, 512, 1)), ("olshausen", (10, 512, 512, 1))])
def test_the_real_ones_in_both_forms(name, shape):
    place, _ = look_for("natural-images")
    a = load_natural_images(name)
    assert a.x.shape == shape
    if (file := place / "natural_images.npz").is_file():
        np.testing.assert_array_equal(load_natural_images(name, file).x, a.x)
