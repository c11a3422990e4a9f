"""The run store: a run is known by its recipe, its record is whole, and its leftovers are cleared away."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from pp_ref.errors import DataError
from pp_ref.experiments.run_store import RunStore, read_record
from pp_ref.files import write_atomically
from tests.disk import full_disk

RECIPE = {"label": "SE-Emp", "proportion": 20 / 784, "seed": 0, "fine_tuning": {"learning_rate": 0.3}}


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


def test_a_record_comes_back(store):
    record = {"recipe": RECIPE, "test_error": 1 / 3, "history": [{"loss": 0.1}], "summary": "σ"}
    assert store.load(RECIPE) is None
    assert store.records() == []
    path = store.save(record)
    assert store.load(RECIPE) == record
    assert store.records() == [record]
    assert list(store.folder.iterdir()) == [path]
    assert json.loads(path.read_text()) == record


def test_the_name_can_be_read_and_is_always_the_same(store):
    """The digest is SHA-256 over sorted JSON: records of yesterday are found today, whatever the order of the keys."""
    assert store.name(RECIPE) == "SE-Emp-p0.026-s0-062bc6d900"
    assert store.name(dict(reversed(RECIPE.items()))) == store.name(RECIPE)
    assert store.name(json.loads(json.dumps(RECIPE))) == store.name(RECIPE)
    assert store.name(RECIPE | {"label": "a/b ..*"}).startswith("a_b_.._-p0.026-s0-")


CHANGES = [{"seed": 1}, {"proportion": 20 / 783}, {"label": "SE-Emp2"}, {"another": None}]


@pytest.mark.parametrize("change", [*CHANGES, {"fine_tuning": {"learning_rate": 0.30000000000000004}}], ids=str)
def test_another_constant_is_another_record(store, change):
    store.save({"recipe": RECIPE})
    assert store.load(RECIPE | change) is None
    assert store.name(RECIPE | change) != store.name(RECIPE)


def test_arrays_come_back_to_the_bit_from_a_file_beside(store):
    W = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    arrays = {"filters": W.T, "halves": np.float16(W)}  # one with strides
    path = store.save({"recipe": RECIPE, "arrays": arrays})
    assert set(store.folder.iterdir()) == {path, path.with_suffix(".safetensors")}
    assert json.loads(path.read_text()) == read_record(path) == {"recipe": RECIPE, "arrays": ["filters", "halves"]}
    for record in (store.load(RECIPE), *store.records()):
        assert record["arrays"].keys() == arrays.keys()
        for name, array in arrays.items():
            assert record["arrays"][name].dtype == array.dtype
            np.testing.assert_array_equal(record["arrays"][name], array)


@pytest.mark.parametrize("damage", ["missing", "cut", "others"])
def test_arrays_that_are_not_there(store, damage):
    path = store.save({"recipe": RECIPE, "arrays": {"filters": np.ones(3)}})
    beside = path.with_suffix(".safetensors")
    if damage == "missing":
        beside.unlink()
    elif damage == "cut":
        beside.write_bytes(beside.read_bytes()[:-1])
    else:
        save_file({"others": np.ones(3)}, beside)
    for read in (lambda: store.load(RECIPE), store.records):
        with pytest.raises(DataError, match=r"safetensors does not hold the arrays filters .*: delete .*\.json, and"):
            read()


def test_a_kill_between_the_two_files_leaves_no_record(store, monkeypatch):
    def fail_at_json(path, content):
        if path.suffix == ".json":
            raise KeyboardInterrupt
        write_atomically(path, content)

    monkeypatch.setattr("pp_ref.experiments.run_store.write_atomically", fail_at_json)
    with pytest.raises(KeyboardInterrupt):
        store.save({"recipe": RECIPE, "arrays": {"filters": np.ones(3)}})
    assert store.load(RECIPE) is None
    assert store.records() == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"recipe": {}', b"[]", b"{}", b"3", b"\xff\xfe", b"null"], ids=repr)
def test_what_is_no_record_is_refused(store, content):
    path = store.save({"recipe": RECIPE})
    path.write_bytes(content)
    message = "json is not the record of a run .*: delete it, and that run is done again$"
    for read in (lambda: store.load(RECIPE), store.records):
        with pytest.raises(DataError, match=message):
            read()


def test_checkpoints_are_dropped_when_the_record_is_safe(store):
    other = RECIPE | {"seed": 1}
    phases = ("layer1", "layer2", "fine-tuning")
    for recipe in (RECIPE, other):
        for phase in phases:
            file = store.checkpoint(recipe, phase)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"state")
    store.checkpoint(RECIPE, "layer1").with_suffix(".safetensors.7.part").write_bytes(b"left by a kill")
    store.save({"recipe": RECIPE})
    left = {store.checkpoint(other, phase) for phase in phases}
    assert set((store.folder / "unfinished").iterdir()) == left


def test_a_full_disk_keeps_the_checkpoints(store):
    file = store.checkpoint(RECIPE, "layer1")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"state")
    with full_disk(), pytest.raises(DataError, match="json could not be written: No space left on device"):
        store.save({"recipe": RECIPE})
    assert store.load(RECIPE) is None
    assert file.read_bytes() == b"state"
