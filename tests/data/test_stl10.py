"""STL-10: a small edition in the published layout, from every form; the messages; the folds."""

import hashlib

import numpy as np
import pytest

from pp_ref.data import fold_splits, load_stl10, load_stl10_sample, load_stl10_unlabelled, stl10
from pp_ref.data.stl10 import CLASSES, IMAGE, OFFICIAL, SIDE, UNLABELLED, Edition
from pp_ref.errors import DataError
from tests.data import test_tar
from tests.odd_files import ODD

TRAIN, TEST, MORE, FOLD = 12, 4, 5, 3


def make_files(seed=0):
    """Return files in STL-10's layout with other content and fewer images."""
    rng = np.random.default_rng(seed)
    files = {
        f"{part}_X.bin": rng.integers(0, 256, n * IMAGE, "u1").tobytes()
        for part, n in (("train", TRAIN), ("test", TEST), ("unlabeled", MORE))
    }
    files |= {f"{part}_y.bin": bytes(rng.integers(1, 11, n).tolist()) for part, n in (("train", TRAIN), ("test", TEST))}
    folds = np.stack([rng.permutation(TRAIN)[:FOLD] for _ in range(10)])
    return files | {"fold_indices.txt": "".join(" ".join(map(str, fold)) + " \n" for fold in folds).encode()}


FILES = make_files()
OTHERS = {"class_names.txt": "\n".join(CLASSES).encode()}
EDITION = Edition(TRAIN, TEST, MORE, FOLD, {name: hashlib.md5(content).hexdigest() for name, content in FILES.items()})


PATCHES = {"pp_ref.data.stl10.OFFICIAL": EDITION, "pp_ref.data.search.download": lambda name: (None, ["no network"])}


def unpack(folder, **changed):
    return test_tar.unpack(folder, FILES | OTHERS | changed)


def pack(file, mode="w:gz", **changed):
    members = {f"stl10_binary/{name}": content for name, content in (OTHERS | FILES | changed).items()}
    return test_tar.pack(file, members, mode)


FORMS = {
    "unpacked": lambda place: unpack(place / "stl10_binary").parent,
    "its own folder": lambda place: unpack(place / "stl10_binary"),
    "subfolder": lambda place: unpack(place / "stl10").parent,
    "gzip": lambda place: pack(place / "stl10_binary.tar.gz").parent,
    "xz": lambda place: pack(place / "stl10_binary.tar.xz", "w:xz").parent,
    "plain tar, any name": lambda place: pack(place / "archive", "w:"),
}


def check_images(images, file):
    """Compare each pixel with the format's description: channel after channel, column after column in each."""
    n, row, column, channel = np.indices(images.shape)
    at = n * IMAGE + channel * SIDE * SIDE + column * SIDE + row
    np.testing.assert_array_equal(images, np.frombuffer(FILES[file], "u1")[at])
    assert images.shape[1:] == (SIDE, SIDE, 3)
    assert images.dtype == np.uint8
    assert not images.flags.writeable


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_arrays(tmp_path, form):
    place = FORMS[form](tmp_path / "data")
    data, folds = load_stl10(place)
    for part, split in (("train", data.train), ("test", data.test)):
        check_images(split.x, f"{part}_X.bin")
        assert (split.y + 1).tolist() == list(FILES[f"{part}_y.bin"])
        assert split.y.dtype == np.int64
    assert folds.tolist() == [[int(i) for i in line.split()] for line in FILES["fold_indices.txt"].splitlines()]
    assert folds.dtype == np.int64
    order = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
    assert data.digest == hashlib.sha256(b"".join(FILES[name] for name in order)).hexdigest()
    assert all(f"{name} (MD5 {EDITION.md5[name]})" in data.source for name in (*order, "fold_indices.txt"))
    more = load_stl10_unlabelled(place)
    check_images(more.x, UNLABELLED)
    assert more.digest == hashlib.sha256(FILES[UNLABELLED]).hexdigest()


def test_files_are_mapped(tmp_path):
    place = unpack(tmp_path / "data")
    assert isinstance(load_stl10(place).data.train.x, np.memmap)
    assert isinstance(load_stl10_unlabelled(place).x, np.memmap)


@pytest.mark.parametrize("form", ["unpacked", "gzip"])
@pytest.mark.parametrize("chunk", [1000, 2**20])
def test_the_unlabelled_images_are_read_once(tmp_path, monkeypatch, form, chunk):
    """MD5 and SHA-256 get the same bytes, chunk by chunk, one after the other; nothing else is hashed."""
    seen = []

    class Spy:
        def __init__(self, hash_, name):
            self.hash, self.name, self.hexdigest = hash_, name, hash_.hexdigest

        def update(self, data):
            seen.append((self.name, len(data)))
            self.hash.update(data)

    monkeypatch.setattr(stl10, "CHUNK", chunk)
    monkeypatch.setattr(stl10.hashlib, "md5", lambda **kw: Spy(hashlib.new("md5", **kw), "md5"))
    monkeypatch.setattr(stl10.hashlib, "sha256", lambda: Spy(hashlib.new("sha256"), "sha256"))
    more = load_stl10_unlabelled(FORMS[form](tmp_path / "data"))
    assert more.digest == hashlib.new("sha256", FILES[UNLABELLED]).hexdigest()
    cuts = [min(chunk, MORE * IMAGE - start) for start in range(0, MORE * IMAGE, chunk)]
    assert seen == [(name, cut) for cut in cuts for name in ("md5", "sha256")]


def test_without_data_it_says_how_to_get_it():
    message = r"^stl10 was not found. .*no network. Put stl10_binary.tar.gz \(compressed or n"
    with pytest.raises(DataError, match=message):
        load_stl10()


def test_the_unlabelled_images_may_be_absent(tmp_path):
    place = unpack(tmp_path / "data")
    (place / UNLABELLED).unlink()
    load_stl10(place)
    message = (
        f"^unlabeled_X.bin of STL-10 is missing in {place}; expected all of stl10_binary.tar.gz: fetch it again, or"
    )
    with pytest.raises(DataError, match=message):
        load_stl10_unlabelled(place)


def test_an_archive_without_some_files(tmp_path):
    test_tar.pack(tmp_path / "archive", {"stl10_binary/train_y.bin": FILES["train_y.bin"]})
    message = f"^train_X.bin, test_X.bin, test_y.bin, fold_indices.txt of STL-10 are missing in {tmp_path}/archive; exp"
    with pytest.raises(DataError, match=message):
        load_stl10(tmp_path / "archive")


def test_a_partial_download(tmp_path):
    file = pack(tmp_path / "stl10_binary.tar.gz")
    file.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(DataError, match="no readable tar archive, or was cut short"):
        load_stl10(file)


FOLDS = "fold_indices.txt"
NOT_PUBLISHED = "is not the published file: MD5 [0-9a-f]{32}, expected [0-9a-f]{32}: "


def folds_with(line, at=3):
    lines = FILES[FOLDS].splitlines()
    lines[at : at + 1] = line
    return b"\n".join(lines)


WRONG = {
    "cut": ("train_X.bin", FILES["train_X.bin"][:-1], "is truncated: 331,775 bytes, expected 331,776: fetch it again$"),
    "empty": ("test_X.bin", b"", "is truncated: 0 bytes, expected 110,592"),
    "too long": ("train_X.bin", FILES["train_X.bin"] + b"\0", "is too long: 331,777 bytes, expected 331,776"),
    "labels cut": ("test_y.bin", b"\1\2\3", "is truncated: 3 bytes, expected 4"),
    "label 0": ("test_y.bin", b"\1\2\3\0", "holds the label 0 at 3; expected 1 to 10, as STL-10 counts: another set"),
    "label 11": ("test_y.bin", b"\1\x0b\3\0", "holds the label 11 at 1; expected 1 to 10"),
    "another label": ("test_y.bin", b"\1\1\1\1", NOT_PUBLISHED),
    "pixels": ("test_X.bin", bytes(TEST * IMAGE), NOT_PUBLISHED),
    "a fold less": (FOLDS, folds_with([]), "holds 9 lines of 3 to 3 indices; expected 10 of 3: fetch"),
    "no folds": (FOLDS, b"", "holds 0 lines of 0 to 0 indices; expected 10 of 3"),
    "a short fold": (FOLDS, folds_with([b"1 2"]), "holds 10 lines of 2 to 3 indices; expected 10 of 3"),
    "an index too high": (FOLDS, folds_with([b"1 12 2"]), "holds the index 12; expected 0 to 11, the train"),
    "a negative index": (FOLDS, folds_with([b"1 -1 2"]), "holds the index -1; expected 0 to 11"),
    "words": (FOLDS, folds_with([b"1 two 3"]), r"is no list of indices \(invalid literal .*'two'\): fetch"),
    "bytes": (FOLDS, b"\xff\xfe", "is no list of indices .'ascii' codec"),
    "other folds": (FOLDS, folds_with([b"0 1 2"]), NOT_PUBLISHED),
}


@pytest.mark.parametrize(("name", "content", "message"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_with_a_file_is_said(tmp_path, name, content, message):
    place = unpack(tmp_path / "data", **{name: content})
    with pytest.raises(DataError, match=f"^{place / name} {message}"):
        load_stl10(place)
    archive = pack(tmp_path / "archive", "w:", **{name: content})
    with pytest.raises(DataError, match=f"^{archive}: its member stl10_binary/{name} {message}"):
        load_stl10(archive)


def test_a_file_far_too_large_is_not_read_from_an_archive(tmp_path):
    archive = pack(tmp_path / "archive", "w:", **{"train_y.bin": bytes(TRAIN * IMAGE + 2)})
    with pytest.raises(DataError, match="train_y.bin has 331,778 bytes, expected at most 13: fetch the archive again"):
        load_stl10(archive)


def test_the_official_sizes():
    """The sizes are those of the publisher's files."""
    assert OFFICIAL.size("train_X.bin") == 138_240_000
    assert OFFICIAL.size("test_X.bin") == 221_184_000
    assert OFFICIAL.size(UNLABELLED) == 2_764_800_000
    assert (OFFICIAL.size("train_y.bin"), OFFICIAL.size("test_y.bin")) == (5000, 8000)
    assert len(CLASSES) == 10


def test_each_fold_alone(tmp_path):
    small = load_stl10(unpack(tmp_path / "data"))
    splits = list(fold_splits(small))
    assert len(splits) == 10
    for split, rows in zip(splits, small.folds, strict=True):
        for at, row in enumerate(rows):
            np.testing.assert_array_equal(split.x[at], small.data.train.x[row])
            assert split.y[at] == small.data.train.y[row]
        assert split.x.flags.c_contiguous


@pytest.mark.needs_data("stl10-sample")
def test_the_sample():
    sample = load_stl10_sample()
    assert (sample.x.shape, sample.x.dtype) == ((246, 96, 96, 3), np.uint8)
    assert sample.x.flags.c_contiguous
    assert sample.digest in sample.source


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 96, 96, 3), "u1"), r"holds uint8 \(1, 96, 96, 3\); expected uint8 \(246, 96, 96, 3\): is it ano"),
        (np.zeros((246, 96, 96, 3), "i1"), r"holds int8 \(246, 96, 96, 3\); expected uint8"),
        (np.zeros((246, 96, 96, 3), "u1"), "holds pixels with SHA-256 [0-9a-f]{64}; expected [0-9a-f]{64}: fetch it"),
    ],
)
def test_another_sample(tmp_path, x, message):
    file = tmp_path / "stl10_unlabeled_sample246.npz"
    np.savez(file, X=x)
    for place in (tmp_path, file):
        with pytest.raises(DataError, match=f"^{file} {message}"):
            load_stl10_sample(place)


def test_without_the_sample_it_says_where_it_comes_from():
    with pytest.raises(DataError, match="^stl10-sample was not found. .*It is not downloaded: its X .*STL10-Labeled$"):
        load_stl10_sample()


@pytest.mark.needs_data("stl10")
def test_stl10_as_published():
    data, folds = load_stl10()
    assert (data.train.x.shape, data.test.x.shape) == ((5000, 96, 96, 3), (8000, 96, 96, 3))
    assert np.bincount(data.train.y).tolist() == [500] * 10
    assert np.bincount(data.test.y).tolist() == [800] * 10
    assert folds.shape == (10, 1000)


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", [UNLABELLED, "fold_indices.txt"])
def test_what_is_no_regular_file(tmp_path, name, kind):
    make, why = ODD[kind]
    place = unpack(tmp_path / "data")
    (place / name).unlink()
    message = rf"{name} cannot be read \({why}\); make it readable, or pass another path=$"
    if name != UNLABELLED and kind != "huge and sparse":  # the search has passed the folder over
        message = r"^stl10 was not found. Looked in: path=.*data: lacks (stl10_binary/)?fold_indices.txt;"
    with make(place / name), pytest.raises(DataError, match=message):
        (load_stl10_unlabelled if name == UNLABELLED else load_stl10)(place)


def test_folds_far_too_long_are_not_read(tmp_path):
    place = unpack(tmp_path / "data", **{FOLDS: bytes(321)})
    with pytest.raises(DataError, match=r"fold_indices.txt cannot be read \(it has 321 bytes, expected at most 320\)"):
        load_stl10(place)


def test_a_file_that_is_there_twice(tmp_path):
    """Its bytes would be hashed twice."""
    twice = {f"{dot}stl10_binary/{UNLABELLED}": FILES[UNLABELLED] for dot in ("", "./")}
    test_tar.pack(tmp_path / "archive", twice)
    with pytest.raises(DataError, match="its member stl10_binary/unlabeled_X.bin is there twice"):
        load_stl10_unlabelled(tmp_path / "archive")
