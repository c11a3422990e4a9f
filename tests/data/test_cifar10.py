"""CIFAR-10: the same arrays from every form, cached once; any other content is refused."""

import hashlib
import pickle
import struct
from contextlib import nullcontext

import numpy as np
import pytest

from pp_ref.data import cifar10, load_cifar10
from pp_ref.data.cifar10 import CLASSES, RECORD, Edition, content_digest, decode, read_batches, read_pickle
from pp_ref.data.dataset import Split
from pp_ref.data.search import CIFAR10_BATCHES, files_in, user_cache
from pp_ref.errors import DataError
from tests.data.test_tar import pack, unpack
from tests.odd_files import ODD, memory_below
from tests.robustness.faults import no_home

N = 3  # records in a batch of the small edition


def make_batches(seed=0):
    """Return the binary records of small batches in CIFAR-10's layout with other content."""
    rng = np.random.default_rng(seed)
    tables = {name: rng.integers(0, 256, (N, RECORD), "u1") for name in CIFAR10_BATCHES}
    for table in tables.values():
        table[:, 0] %= 10
    return {name: table.tobytes() for name, table in tables.items()}


BATCHES = make_batches()


def python2_pickle(labels, pixels, fortran=False):
    """Return a batch as cPickle of Python 2 writes it, from the opcodes of protocol 2."""

    def text(value):
        return b"T" + struct.pack("<i", len(value)) + value

    def number(value):
        return b"J" + struct.pack("<i", value)

    array = b"cnumpy.core.multiarray\n_reconstruct\n" + b"cnumpy\nndarray\n" + number(0) + b"\x85" + text(b"b")
    array += b"\x87R(" + number(1) + number(pixels.shape[0]) + number(pixels.shape[1]) + b"\x86"
    array += b"cnumpy\ndtype\n" + text(b"u1") + number(0) + number(1) + b"\x87R("
    array += number(3) + text(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    array += (b"\x88" if fortran else b"\x89") + text(pixels.tobytes("F" if fortran else "C")) + b"tb"
    names = b"](" + b"".join(text(b"name.png") for _ in labels) + b"e"
    items = text(b"batch_label") + text(b"training batch 1 of 5") + text(b"filenames") + names
    items += text(b"labels") + b"](" + b"".join(number(int(label)) for label in labels) + b"e" + text(b"data") + array
    return b"\x80\x02}(" + items + b"u."


def as_pickle(records, **settings):
    table = np.frombuffer(records, "u1").reshape(-1, RECORD)
    return python2_pickle(table[:, 0], table[:, 1:], **settings)


BINARY = {f"cifar-10-batches-bin/{name}.bin": records for name, records in BATCHES.items()}
PYTHON = {f"cifar-10-batches-py/{name}": as_pickle(records) for name, records in BATCHES.items()}
MORE = {"cifar-10-batches-bin/batches.meta.txt": b"airplane\n", "cifar-10-batches-bin/readme.html": b"<html>"}


def reference(batches=BATCHES):
    """Return images and labels, read value by value from the format's description."""
    images, labels = np.zeros((6 * N, 32, 32, 3), "u1"), np.zeros(6 * N, int)
    for row in range(6 * N):
        record = batches[CIFAR10_BATCHES[row // N]][row % N * RECORD :][:RECORD]
        labels[row] = record[0]
        for channel, iy, ix in np.ndindex(3, 32, 32):
            images[row, iy, ix, channel] = record[1 + 1024 * channel + 32 * iy + ix]
    return images, labels


IMAGES, LABELS = reference()
DIGEST = content_digest(Split(IMAGES[: 5 * N], LABELS[: 5 * N]), Split(IMAGES[5 * N :], LABELS[5 * N :]))
EDITION = Edition({name: hashlib.sha256(records).hexdigest() for name, records in BATCHES.items()}, N, DIGEST)


PATCHES = {"pp_ref.data.cifar10.CIFAR10": EDITION, "pp_ref.data.search.download": lambda name: (None, ["no network"])}


@pytest.fixture
def folder(tmp_path):
    return unpack(tmp_path / "data", BINARY)


def check(data):
    np.testing.assert_array_equal(data.train.x, IMAGES[: 5 * N])
    np.testing.assert_array_equal(data.test.x, IMAGES[5 * N :])
    np.testing.assert_array_equal(data.train.y, LABELS[: 5 * N])
    np.testing.assert_array_equal(data.test.y, LABELS[5 * N :])
    for split in (data.train, data.test):
        assert (split.x.dtype, split.y.dtype) == (np.uint8, np.int64)
        assert split.x.flags.c_contiguous
        assert not split.x.flags.writeable
        assert not split.y.flags.writeable
    assert (data.name, data.digest) == ("cifar10", DIGEST)


FORMS = {
    "binary, unpacked": lambda place: unpack(place, BINARY | MORE),
    "binary, its own folder": lambda place: unpack(place, BINARY) / "cifar-10-batches-bin",
    "binary, subfolder": lambda place: unpack(place / "cifar10", BINARY).parent,
    "binary, gzip": lambda place: pack(place / "cifar-10-binary.tar.gz", MORE | BINARY).parent,
    "binary, xz": lambda place: pack(place / "cifar-10-binary.tar.xz", BINARY, "w:xz").parent,
    "binary, bzip2": lambda place: pack(place / "cifar-10-binary.tar.bz2", BINARY, "w:bz2").parent,
    "binary, plain tar": lambda place: pack(place / "cifar-10-binary.tar", BINARY, "w:").parent,
    "binary, any name": lambda place: pack(place / "archive", BINARY),
    "python, unpacked": lambda place: unpack(place, PYTHON),
    "python, its own folder": lambda place: unpack(place, PYTHON) / "cifar-10-batches-py",
    "python, gzip": lambda place: pack(place / "cifar-10-python.tar.gz", PYTHON).parent,
    "python, any name": lambda place: pack(place / "archive", PYTHON, "w:xz"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_arrays(tmp_path, form):
    place = FORMS[form](tmp_path / "data")
    check(load_cifar10(place))
    check(load_cifar10(str(place)))


def test_the_order_in_an_archive_does_not_matter(tmp_path):
    check(load_cifar10(pack(tmp_path / "archive", dict(reversed(BINARY.items())))))


def test_after_the_first_call_the_arrays_are_mapped(folder, monkeypatch):
    first = load_cifar10(folder)
    monkeypatch.setattr(cifar10, "read_batches", None)  # nothing is decoded again
    second = load_cifar10(folder)
    for data in (first, second):
        check(data)
        assert isinstance(data.train.x, np.memmap)
        assert isinstance(data.test.x, np.memmap)
    assert second.source == first.source
    assert str(folder) not in first.source
    for name, digest in EDITION.batches.items():
        assert f"{name} (SHA-256 {digest})" in first.source


def test_what_was_decoded_needs_no_source(folder, monkeypatch):
    load_cifar10(folder)
    for file in files_in("cifar10", folder):
        file.unlink()
    check(load_cifar10())
    with pytest.raises(DataError, match="^cifar10 was not found. Looked in: path=.*lacks"):
        load_cifar10(folder)


def test_a_source_that_changed_is_read_again(folder):
    check(load_cifar10(folder))
    file = folder / "cifar-10-batches-bin" / "data_batch_4.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match="data_batch_4.bin is truncated"):
        load_cifar10(folder)
    check(load_cifar10())


def test_another_source_is_checked_itself(folder, tmp_path):
    check(load_cifar10(folder))
    wrong = pack(tmp_path / "archive", BINARY | {"cifar-10-batches-bin/test_batch.bin": bytes(N * RECORD)})
    with pytest.raises(DataError, match="archive: its member .*test_batch.bin is not the published batch"):
        load_cifar10(wrong)


@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + b"\xff", lambda data: b"", None])
def test_a_damaged_cache_is_written_anew(folder, name, damage):
    load_cifar10(folder)
    (file,) = user_cache("cifar10").glob(f"*/{name}")
    whole = file.read_bytes()
    file.write_bytes(damage(whole)) if damage else file.unlink()
    check(load_cifar10(folder))
    assert file.read_bytes() == whole


@pytest.mark.parametrize("array", [np.zeros((2, 32, 32, 3), "u1"), np.zeros((6 * N, 32, 32, 3)), np.array([None])])
def test_another_array_in_the_cache_is_written_anew(folder, array):
    load_cifar10(folder)
    (file,) = user_cache("cifar10").glob("*/images.npy")
    np.save(file, array, allow_pickle=True)
    check(load_cifar10(folder))


def test_a_cache_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="^CIFAR-10 is held in memory and will be decoded again: .*labels.npy"):
            data = load_cifar10(folder)
        check(data)
        assert not isinstance(data.train.x, np.memmap)


def test_without_a_home_the_arrays_are_held_in_memory(folder):
    message = (
        "^CIFAR-10 is held in memory and will be decoded again: no home folder is known, .*: set HOME or XDG_CACHE_HOME"
    )
    with no_home(known=False), pytest.warns(RuntimeWarning, match=message):
        check(load_cifar10(folder))


def test_a_full_disk_leaves_nothing_half_written(folder, monkeypatch):
    write = cifar10.write_atomically

    def fill(path, content):
        if path.name == "images.npy":
            raise DataError(f"{path} could not be written: No space left on device")
        write(path, content)

    monkeypatch.setattr(cifar10, "write_atomically", fill)
    with pytest.warns(RuntimeWarning, match="images.npy could not be written: No space left"):
        check(load_cifar10(folder))
    monkeypatch.undo()
    assert [file.name for file in folder.parent.glob("cache/*/*/*/*")] == ["labels.npy"]


def test_without_data_it_says_how_to_get_it():
    message = (
        r"^cifar10 was not found. Looked in: PP_REF_DATA, which is not set; .*no network. Put cifar-10-binary.tar.gz "
        r"\(compressed or not, or unpacked\) into one folder, and set PP_REF_DATA to it or pass it as path=$"
    )
    with pytest.raises(DataError, match=message):
        load_cifar10()


def test_a_missing_batch(folder, tmp_path):
    (folder / "cifar-10-batches-bin" / "data_batch_3.bin").unlink()
    with pytest.raises(DataError, match="lacks cifar-10-batches-bin/data_batch_3.bin; its subfolder"):
        load_cifar10(folder)
    some = {name: BINARY[name] for name in list(BINARY)[:4]}
    message = (
        "^data_batch_5, test_batch of CIFAR-10 are missing; found .*data_batch_1.bin, .*data_batch_4.bin; expected all "
        "6: the archive is incomplete or another one, fetch it again$"
    )
    with pytest.raises(DataError, match=message):
        load_cifar10(pack(tmp_path / "archive", some))
    message = (
        f"^{tmp_path}/archive holds no batch of CIFAR-10; expected cifar-10-batches-bin/data_batch_1.bin to "
        "cifar-10-batches-py/test_batch, the binary or the Python edition: it is another archive, pass the publ"
    )
    with pytest.raises(DataError, match=message):
        load_cifar10(pack(tmp_path / "archive", MORE | {"data_batch_1.bin": BATCHES["data_batch_1"]}))


def test_a_partial_download(tmp_path):
    file = pack(tmp_path / "cifar-10-binary.tar.gz", BINARY)
    file.write_bytes(file.read_bytes()[:20_000])
    with pytest.raises(DataError, match="cifar-10-binary.tar.gz is no readable tar archive, or was cut short .*again$"):
        load_cifar10(tmp_path)
    assert not (tmp_path / "cache").exists()


def test_a_hostile_archive(tmp_path):
    file = pack(tmp_path / "archive", BINARY | {"../../.bashrc": b"echo"})
    with pytest.raises(DataError, match=r"archive: its member '../../.bashrc' is a path that leaves its folder"):
        load_cifar10(file)
    assert not (tmp_path / "cache").exists()


BATCH = BATCHES["data_batch_2"]
WRONG = {
    "cut": (BATCH[:-1], "is truncated: 9,218 bytes, 3.00 records of 3,073; expected 9,219 bytes, 3 r"),
    "a record less": (BATCH[:-RECORD], "is truncated: 6,146 bytes, 2.00 records of 3,073; expected 9"),
    "records of 3,074": (bytes(N * 3074), "is too long: 9,222 bytes, 3.00 records of 3,073; .*: fetch it again$"),
    "empty": (b"", "is truncated: 0 bytes, 0.00 records"),
    "label": (
        BATCH[:RECORD] + b"\x0a" + BATCH[RECORD + 1 :],
        "holds the label 10, first above 9 at record 1; expected 0 to 9: another set",
    ),
    "pixel": (BATCH[:-1] + bytes([255 - BATCH[-1]]), "is not the published batch: .* have SHA-256 [0-9a-f]{64}"),
    "another batch": (
        BATCHES["data_batch_1"],
        f".*SHA-256 {EDITION.batches['data_batch_1']}, expected [0-9a-f]{{64}}: fetch",
    ),
}


@pytest.mark.parametrize(
    ("form", "records", "message"),
    [
        pytest.param(form, *wrong, id=f"{form}, {name}")
        for name, wrong in WRONG.items()
        for form in ("bin", "py")
        if form == "bin" or len(wrong[0]) % RECORD == 0  # a pickle holds whole records
    ],
)
def test_what_is_wrong_with_a_batch_is_said(tmp_path, form, records, message):
    name, content = ("bin/data_batch_2.bin", records) if form == "bin" else ("py/data_batch_2", as_pickle(records))
    files = (BINARY if form == "bin" else PYTHON) | {f"cifar-10-batches-{name}": content}
    place = unpack(tmp_path / "data", files)
    with pytest.raises(DataError, match=f"^{place}/cifar-10-batches-{name} {message}"):
        load_cifar10(place)
    archive = pack(tmp_path / "archive", files)
    with pytest.raises(DataError, match=f"^{archive}: its member cifar-10-batches-{name} {message}"):
        load_cifar10(archive)
    assert not (tmp_path / "cache").exists()


def test_a_batch_that_cannot_be_read(folder):
    files = files_in("cifar10", folder)
    files[0].unlink()
    files[0].mkdir()
    with pytest.raises(DataError, match=r"data_batch_1.bin cannot be read \(it is a folder\); expected a batch"):
        decode(read_batches(files, EDITION), EDITION)


def test_a_batch_far_too_large_is_not_read_from_an_archive(tmp_path):
    file = pack(tmp_path / "archive", BINARY | {"cifar-10-batches-bin/data_batch_1.bin": bytes(2 * N * RECORD + 1)})
    with pytest.raises(DataError, match="data_batch_1.bin has 18,439 bytes, expected at most 18,438"):
        load_cifar10(file)


@pytest.mark.parametrize("fortran", [False, True])
def test_pickles_of_either_order(fortran):
    for records in BATCHES.values():
        assert read_pickle("file", as_pickle(records, fortran=fortran)) == records


class Call:
    """An object that pickles to a call of any function."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


GOOD = as_pickle(BATCHES["data_batch_1"])
FEWER = python2_pickle([1], np.zeros((2, 3072), "u1"))
PICKLES = {
    "calls a function": (pickle.dumps(Call(print, "called")), "KeyError: 'labels'"),
    "calls the system": (b"\x80\x02cposix\nsystem\nU\x04true\x85R.", "KeyError: 'labels'"),
    "evaluates": (b"\x80\x02c__builtin__\neval\nU\x0211\x85R.", "KeyError: 'labels'"),
    "a number": (pickle.dumps(1), "KeyError: 'labels'"),
    "no pixels": (b"\x80\x02}(U\x06labels](K\x01eu.", "KeyError: 'data'"),
    "a list for pixels": (b"\x80\x02}(U\x06labels](K\x01eU\x04data](K\x01eu.", "StopIteration"),
    "a label of 256": (python2_pickle([256], np.zeros((1, 3072), "u1")), "ValueError: bytes must be in range"),
    "fewer labels": (FEWER, "ValueError: cannot reshape array of size 6144 into shape"),
    "text": (b"label,data\n", "ValueError: "),
    "nothing": (b"", "ValueError: pickle exhausted before seeing STOP"),
    "a memo of 2**31 entries": (b"]r\xff\xff\xff\x7f.", "KeyError: 'labels'"),
    "bytes of a huge number": (
        b"\x80\x02}(U\x06labelsJ\xff\xff\xff\x7fU\x04data\x89T\0\0\0\0u.",
        "ValueError: bytes must be",
    ),
    "a huge string": (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x0fab.", "ValueError: "),
    "a million lists": (b"\x80\x02" + b"]" * 10**6 + b".", "ValueError: it has more than 11,000 operations"),
    "tuples in tuples as a key": (b"\x80\x02}" + b")" + b"\x85" * 10_000 + b"Ns.", "ValueError: it has more than"),
}


@pytest.mark.parametrize(("content", "message"), PICKLES.values(), ids=list(PICKLES))
def test_a_pickle_calls_nothing(content, message, capsys):
    refused = rf"^file is no batch of CIFAR-10's Python edition \({message}.*fetch it again$"
    with memory_below(2**23), pytest.raises(DataError, match=refused):
        read_pickle("file", content)
    assert capsys.readouterr().out == ""


def test_no_prefix_of_a_pickle_is_read():
    for cut in [*range(200), *range(200, len(GOOD), 97), len(GOOD) - 1]:
        with pytest.raises(DataError):
            read_pickle("file", GOOD[:cut])


def test_the_digest_reads_bytes_and_order():
    x, y = IMAGES[:4], LABELS[:4]
    assert content_digest(Split(x, y)) == hashlib.sha256(x.tobytes() + bytes(y.tolist())).hexdigest()
    assert content_digest(Split(x, y)) != content_digest(Split(x[::-1].copy(), y))


@pytest.mark.needs_data("cifar10")
def test_cifar10_as_published(cifar10):
    """The counts and moments are the published ones."""
    assert (cifar10.train.x.shape, cifar10.test.x.shape) == ((50000, 32, 32, 3), (10000, 32, 32, 3))
    assert isinstance(cifar10.train.x, np.memmap)
    assert len(CLASSES) == 10
    assert np.bincount(cifar10.train.y).tolist() == [5000] * 10
    assert np.bincount(cifar10.test.y).tolist() == [1000] * 10
    counts = np.stack([np.bincount(cifar10.train.x[..., channel].ravel(), minlength=256) for channel in range(3)])
    grey = np.arange(256) / 255
    means = counts @ grey / counts.sum(1)
    deviations = np.sqrt(counts @ grey**2 / counts.sum(1) - means**2)
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], rtol=0, atol=0.5e-4)  # known to four digits
    np.testing.assert_allclose(deviations, [0.2470, 0.2435, 0.2616], rtol=0, atol=0.5e-4)
    assert cifar10.digest == "80387ddb9a0edf3fc4a964ee3770296169bb26a651050df20035579673099660"


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_regular_file(folder, tmp_path, kind):
    make, why = ODD[kind]
    files = files_in("cifar10", folder)
    files[0].unlink()
    with (
        make(files[0]),
        pytest.raises(DataError, match=rf"data_batch_1.bin cannot be read \({why}\); expected a batch"),
    ):
        decode(read_batches(files, EDITION), EDITION)
    refused = "^cifar10 was not found. Looked in: path=.*archive|archive is no readable tar archive"
    with make(tmp_path / "archive"), pytest.raises(DataError, match=refused):
        load_cifar10(tmp_path / "archive")


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
def test_a_cache_that_is_no_regular_file_is_written_anew(folder, name, kind):
    load_cifar10(folder)
    (file,) = user_cache("cifar10").glob(f"*/{name}")
    file.unlink()
    with ODD[kind][0](file), said_of(kind):
        check(load_cifar10(folder))


def said_of(kind):
    """A folder cannot be replaced by a file: that is said, and the arrays are held in memory."""
    return pytest.warns(RuntimeWarning, match="held in memory") if kind == "folder" else nullcontext()
