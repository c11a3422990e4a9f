"""Pooled input in a file: the same bits, computed once, and no damaged file is read."""

import os

import array_api_strict
import numpy as np
import pytest

from pp_ref.dictionaries import Grid, make_dictionary
from pp_ref.errors import DataError, DomainError
from pp_ref.models import MLP, Predicted
from pp_ref.models.pooled import BLOCK, PooledInput

RNG = np.random.default_rng(0)
X = RNG.random((BLOCK + 5, 12), np.float32)
Y = RNG.integers(0, 3, len(X))


def net(seed=0):
    dictionary = make_dictionary("se", Grid(3, 4), proportion=0.5, n_columns=2, rng=np.random.default_rng(seed))
    return MLP((Predicted(dictionary, 5),), 3)


def counted(monkeypatch):
    """The number of examples pooled so far."""
    pool, seen = Predicted.pool, []
    monkeypatch.setattr(Predicted, "pool", lambda self, v: (seen.append(len(v)), pool(self, v))[1])
    return seen


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_file_holds_what_memory_would(tmp_path, dtype, monkeypatch):
    model, x = net(), X.astype(dtype)
    want = np.concatenate([model.prepare(x[:BLOCK]).array, model.prepare(x[BLOCK:]).array])
    seen = counted(monkeypatch)
    for again in (False, True):  # the second time it is read
        seen.clear()
        pooled = model.prepare(x, tmp_path / "new")
        assert seen == ([0] if again else [0, BLOCK, 5])
        assert isinstance(pooled, PooledInput)
        np.testing.assert_array_equal(pooled.array, want)
        assert (pooled.array.dtype, type(pooled.array), pooled.widths) == (dtype, np.ndarray, (6, 6))
        assert not pooled.array.flags.writeable
        assert isinstance(pooled.array.base, np.memmap)
    assert len(list((tmp_path / "new").iterdir())) == 1
    params, rows = model.init(np.random.default_rng(1), 0.1, dtype), np.array([7, 0, BLOCK + 1])
    assert np.isfinite(model.loss(params, pooled[rows], Y[rows]))
    assert model.loss(params, pooled[rows], Y[rows]) == model.loss(params, PooledInput(want, (6, 6))[rows], Y[rows])


def test_other_data_and_other_dictionaries_have_files_of_their_own(tmp_path):
    changed = X.copy()
    changed[-1, -1] += 1
    cases = [(net(), X), (net(1), X), (net(), changed), (net(), X[:-1]), (net(), X.astype("f8")), (net(), X[:0])]
    for number, (model, x) in enumerate(cases, start=1):
        pooled = model.prepare(x, tmp_path).array
        np.testing.assert_array_equal(pooled[-3:], model.prepare(x, tmp_path).array[-3:])
        assert pooled.shape == (len(x), 12)
        assert len(list(tmp_path.iterdir())) == number


OTHER_BYTES = "its content does not have its checksum"
OTHER_SIZE, OTHER_HEADER = (
    "it has [0-9,]+ bytes, expected",
    r"it does not begin with the header of float32 \(4101, 12\)",
)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:], OTHER_BYTES),
        (lambda content: content[:-1] + b"x", OTHER_BYTES),
        (lambda content: content[:-1], OTHER_SIZE),
        (lambda content: content[:-70], OTHER_SIZE),
        (lambda content: content + b"0", OTHER_SIZE),
        (lambda content: content[:20], OTHER_SIZE),
        (lambda content: b"", OTHER_SIZE),
        (lambda content: content.replace(b"(4101, 12)", b"(12, 4101)"), OTHER_HEADER),
        (lambda content: content.replace(b"False", b"True "), OTHER_HEADER),
        (lambda content: b"no array at all, but long enough", OTHER_SIZE),
        (lambda content: bytes(len(content)), OTHER_HEADER),
    ],
)
def test_anything_else_is_refused(tmp_path, damage, why):
    model = net()
    model.prepare(X, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        DataError, match=rf"^.*npy is not the pooled input .* \({why}.*\): delete it to compute it again$"
    ):
        model.prepare(X, tmp_path)
    path.unlink()
    model.prepare(X, tmp_path)


def test_what_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    model, pool = net(), Predicted.pool

    def stop_late(self, v):
        if len(v) == 5:
            raise KeyboardInterrupt
        return pool(self, v)

    monkeypatch.setattr(Predicted, "pool", stop_late)
    with pytest.raises(KeyboardInterrupt):
        model.prepare(X, tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "a file").write_text("")
    monkeypatch.undo()
    with pytest.raises(DataError, match=r"could not be written: .*choose another folder, and run again$"):
        model.prepare(X, tmp_path / "a file")


def test_arrays_of_another_library_stay_in_memory(tmp_path):
    with pytest.raises(DomainError, match=r"^x is a Array, expected a NumPy array to pool into a file: omit folder$"):
        net().prepare(array_api_strict.asarray(X), tmp_path)


@pytest.mark.parametrize(("what", "said"), [("folder", "it is a folder"), ("pipe", "it is a FIFO")])
def test_what_cannot_be_read_is_no_damage(tmp_path, what, said):
    net().prepare(X, tmp_path)
    (path,) = tmp_path.iterdir()
    path.unlink()
    path.mkdir() if what == "folder" else os.mkfifo(path)
    with pytest.raises(DataError, match=rf"npy cannot be read \({said}\): make it readable, or choose another folder$"):
        net().prepare(X, tmp_path)


def test_no_flipped_bit_is_believed(tmp_path):
    model, few = net(), X[:3]
    model.prepare(few, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for bit in np.random.default_rng(2).choice(8 * len(whole), 200, replace=False):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(DataError, match="npy is not the pooled input"):
            model.prepare(few, tmp_path)


def test_the_file_is_an_array_of_numpys(tmp_path):
    pooled = net().prepare(X, tmp_path).array
    (path,) = tmp_path.iterdir()
    np.testing.assert_array_equal(np.load(path), pooled)
