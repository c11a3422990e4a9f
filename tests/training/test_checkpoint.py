"""Checkpoints: the same bits back, or a refusal that says why; a full disk loses nothing."""

import json

import numpy as np
import pytest

from pp_ref.errors import DataError, DomainError
from pp_ref.generators import generator_state
from pp_ref.training import Checkpoint
from pp_ref.training.checkpoint import CHECKPOINT, State
from tests.disk import full_disk

RECIPE = {"label": "SE-Emp", "hidden": (500, 500), "proportion": 0.1, "settings": {"ridge": 1e-3}}


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "folder" / "fit.safetensors", RECIPE)


def state(dtype=np.float32, n=5):
    vectors = {"params": np.arange(n).astype(dtype), "velocity": np.arange(n)[::-1].astype(dtype)}
    history = [{"epoch": 1, "loss": 0.1, "seconds": 1 / 3, "note": "ü"}]
    return State(vectors, generator_state(np.random.default_rng(2**127 + 3)), history)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i4", "i8", "u1", "?", "c8"])
def test_every_bit_comes_back(checkpoint, dtype):
    saved = state(dtype)
    checkpoint.save(saved)
    loaded = checkpoint.load()
    for name, vector in saved.vectors.items():
        np.testing.assert_array_equal(loaded.vectors[name], vector)
        assert loaded.vectors[name].dtype == np.dtype(dtype).newbyteorder("=")
    assert loaded.rng == saved.rng
    assert loaded.history == saved.history


def test_special_values_come_back(checkpoint):
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, np.nextafter(1, 2)])
    checkpoint.save(State({"params": special}, {}, []))
    assert checkpoint.load().vectors["params"].tobytes() == special.tobytes()


@pytest.mark.parametrize(
    "array",
    [np.arange(12.0).reshape(3, 4).T, np.arange(12.0)[::2], np.arange(12.0)[::-1], np.zeros((0, 3)), np.array(7.0)],
    ids=["transposed", "strided", "backwards", "empty", "0-d"],
)
def test_the_memory_layout_does_not_matter(checkpoint, array):
    checkpoint.save(State({"array": array}, {}, []))
    loaded = checkpoint.load().vectors["array"]
    np.testing.assert_array_equal(loaded, array, strict=True)
    loaded[...] = 1  # a copy of its own, not the file


def test_no_file_is_no_state(checkpoint):
    assert checkpoint.load() is None


def test_another_recipe_is_refused_by_its_differing_fields(checkpoint):
    checkpoint.save(state())
    other = Checkpoint(checkpoint.path, {"label": "SE-Emp", "hidden": [500, 500], "proportion": 0.25, "seed": 1})
    message = (
        r"fit.safetensors is a checkpoint of another recipe: proportion, seed, settings differ "
        r"\(\[0.1, None, {'ridge': 0.001}\], expected \[0.25, 1, None\]\): "
        "use another path, or move it away to start afresh$"
    )
    with pytest.raises(DataError, match=message):
        other.load()
    assert Checkpoint(checkpoint.path, json.loads(json.dumps(RECIPE))).load()  # a tuple is JSON's list


MESSAGE = r"fit.safetensors is not a checkpoint, or it is damaged \(.*\): move it away to start afresh$"
DAMAGE = {
    "empty": lambda content: b"",
    "5 bytes": lambda content: content[:5],
    "within the header": lambda content: content[:40],
    "one byte short": lambda content: content[:-1],
    "one too many": lambda content: content + b"\0",
    "zip": lambda content: b"PK\3\4" + bytes(100),
    "bad JSON": lambda content: content.replace(b'\\"epoch\\"', b'\\"epo\\\\\\"'),
    "no rng": lambda content: content.replace(b'"rng":', b'"rgn":'),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
def test_what_is_no_checkpoint_is_refused(checkpoint, damage):
    checkpoint.save(state())
    whole = checkpoint.path.read_bytes()
    assert damage(whole) != whole
    checkpoint.path.write_bytes(damage(whole))
    with pytest.raises(DataError, match=MESSAGE):
        checkpoint.load()


def test_a_folder_is_no_checkpoint(checkpoint):
    checkpoint.path.mkdir(parents=True)
    with pytest.raises(DataError, match=r"fit.safetensors cannot be read \(it is a folder\): expected a checkpoint$"):
        checkpoint.load()


@pytest.mark.parametrize("dtype", [np.longdouble, np.complex128])
def test_a_dtype_that_the_format_lacks(checkpoint, dtype):
    message = "velocity is .*: a checkpoint cannot hold that; expected float32 or float64$"
    with pytest.raises(DomainError, match=f"^params is {np.dtype(dtype)}, {message}"):
        checkpoint.save(state(dtype))


def test_a_full_disk_leaves_the_checkpoint_before(checkpoint):
    checkpoint.save(state(n=5))
    before = checkpoint.path.read_bytes()
    message = "safetensors could not be written: No space left on device; an older file is unchanged"
    with full_disk(), pytest.raises(DataError, match=message):
        checkpoint.save(state(n=7))
    assert [file.name for file in checkpoint.path.parent.iterdir()] == ["fit.safetensors"]
    assert checkpoint.path.read_bytes() == before
    assert len(checkpoint.load().vectors["params"]) == 5
    checkpoint.save(state(n=7))
    assert len(checkpoint.load().vectors["params"]) == 7


def test_no_flipped_bit_is_believed(checkpoint):
    checkpoint.save(state())
    whole = checkpoint.path.read_bytes()
    for bit in np.random.default_rng(1).choice(8 * len(whole), 200, replace=False):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        checkpoint.path.write_bytes(changed)
        with pytest.raises(DataError, match="safetensors (is not a checkpoint|was written by a newer)"):
            checkpoint.load()


START = {"params": np.ones(3, np.float32), "velocity": np.zeros(3, np.float32)}
RNG = generator_state(np.random.default_rng(7))


def epochs(*numbers):
    return [{"epoch": number, "loss": 0.1} for number in numbers]


def test_a_fit_goes_on_from_what_is_its_own(checkpoint):
    rng = np.random.default_rng(0)
    assert checkpoint.resume(START, rng, 2) is None
    checkpoint.save(State(START, RNG, epochs(1, 2)))
    found = checkpoint.resume(START, rng, 2)
    assert (found.history, generator_state(rng)) == (epochs(1, 2), RNG)


def saved(vectors=(), rng=RNG, history=None):
    return State(START | dict(vectors), rng, history or epochs(1))


UNFIT = {
    "NaN": (saved({"params": np.float32([1, np.nan, 1])}), "params has entries that are NaN or infinite"),
    "infinity": (saved({"velocity": np.float32([0, np.inf, 1])}), "velocity has entries that are NaN or infinite"),
    "float64": (saved({"params": np.ones(3)}), "it has the vectors .*float64.*, but the fit .*float32"),
    "longer": (saved({"params": np.ones(4, "f4")}), r"it has the vectors .*\(4,\).*, but the fit .*\(3,\)"),
    "one more": (saved({"more": np.ones(3)}), "it has the vectors .*more.*, but the fit"),
    "no velocity": (State({"params": np.ones(3, "f4")}, RNG, epochs(1)), "it has the vectors .*, but the fit .*velo"),
    "too many epochs": (saved(history=epochs(1, 2, 3)), r"it has the epochs \[1, 2, 3\], but the fit 1 to 2"),
    "an epoch twice": (saved(history=epochs(1, 1)), r"it has the epochs \[1, 1\], but the fit 1 to 2"),
    "no number": (saved(history=[{"loss": 0.1}]), "KeyError"),
    "another generator": (saved(rng=RNG | {"bit_generator": "MT19937"}), "must be for a PCG64"),
    "no state": (saved(rng={}), "KeyError|state"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_a_fit_cannot_go_on_from(checkpoint, case):
    saved, said = UNFIT[case]
    checkpoint.save(saved)
    before = checkpoint.path.read_bytes()
    message = rf"damaged \(.*({said}).*\): use another path, or move it away to start afresh$"
    with pytest.raises(DataError, match=message):
        checkpoint.resume(START, np.random.default_rng(0), 2)
    assert checkpoint.path.read_bytes() == before


@pytest.mark.parametrize("metadata", [{"recipe": RECIPE}, {"recipe": 1, "rng": {}, "history": []}], ids=str)
def test_a_checksum_makes_no_checkpoint_of_what_is_none(checkpoint, metadata):
    CHECKPOINT.write_tensors(checkpoint.path, START, metadata)
    with pytest.raises(DataError, match=MESSAGE):
        checkpoint.load()
