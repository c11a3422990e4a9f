"""The run store: a run is known by its recipe, its record is whole, and its leftovers are cleared away."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pp_ref.bench.record import write
from pp_ref.errors import DataError
from pp_ref.experiments.run_store import ARRAYS, COMMON, FOUND, RUN, RunStore, read_record
from pp_ref.files import part_beside, write_atomically
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
    assert record.items() <= json.loads(path.read_text()).items()


def test_the_name_can_be_read_and_is_always_the_same(store):
    """Of SHA-256 over sorted JSON: records of yesterday are found today, whatever the order of the keys."""
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
    found = read_record(path)
    assert found["arrays"] == json.loads(path.read_text())["arrays"] == ["filters", "halves"]
    assert found["arrays_checksum"] == ARRAYS.read_tensors(path.with_suffix(".safetensors"), "").checksum
    for record in (store.load(RECIPE), *store.records()):
        assert record["arrays"].keys() == arrays.keys()
        for name, array in arrays.items():
            assert record["arrays"][name].dtype == array.dtype
            np.testing.assert_array_equal(record["arrays"][name], array)


ARRAYS_DAMAGED = {
    "missing": (lambda file: file.unlink(), "safetensors is missing: put it back, or move .*json"),
    "cut": (lambda file: file.write_bytes(file.read_bytes()[:-1]), r"it has \d+ bytes, expected \d+"),
    "others": (lambda file: save_file({"others": np.ones(3)}, file), "it is not the file that .*json was written with"),
    "old ones": (lambda file: save_file(load_file(file), file), "it is not the file that .*json was written with"),
    "of another run": (lambda file: ARRAYS.write_tensors(file, {"filters": np.ones(4)}, {}), "it is not the file that"),
}


@pytest.mark.parametrize("damage", ARRAYS_DAMAGED)
def test_arrays_that_are_not_there(store, damage):
    path = store.save({"recipe": RECIPE, "arrays": {"filters": np.ones(3)}})
    change, said = ARRAYS_DAMAGED[damage]
    change(path.with_suffix(".safetensors"))
    for read in (lambda: store.load(RECIPE), store.records):
        with pytest.raises(DataError, match=rf"{said}.* away, and that run is done again$"):
            read()


def test_a_pair_of_0_1_0_has_the_arrays_of_its_record(store):
    """There was no checksum: what can be compared is the names."""
    old = dict.fromkeys(COMMON | FOUND[0]) | {"recipe": RECIPE, "arrays": ["filters"]}
    path = store.path(RECIPE)
    write_atomically(path, json.dumps(old).encode())
    save_file({"filters": np.ones(3)}, path.with_suffix(".safetensors"))
    np.testing.assert_array_equal(store.load(RECIPE)["arrays"]["filters"], np.ones(3))
    save_file({"others": np.ones(3)}, path.with_suffix(".safetensors"))
    with pytest.raises(DataError, match=r"safetensors is not the arrays of a run, .* \(KeyError\('filters'\)\)"):
        store.load(RECIPE)


def test_a_record_of_another_recipe_under_this_name_is_refused(store):
    other = RECIPE | {"seed": 1}
    store.save({"recipe": other}).rename(store.path(RECIPE))
    message = rf"json is the record of another recipe: rename it to {store.name(other)}.json, or move it away$"
    for read in (lambda: store.load(RECIPE), store.records):
        with pytest.raises(DataError, match=message):
            read()


def test_no_flipped_bit_is_believed(store):
    path = store.save({"recipe": RECIPE, "loss": 0.1, "history": [{"loss": 0.2}], "arrays": {"filters": np.ones(3)}})
    whole = store.load(RECIPE)
    for file in (path, path.with_suffix(".safetensors")):
        content = file.read_bytes()
        for bit in np.random.default_rng(1).choice(8 * len(content), 200, replace=False):
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            file.write_bytes(changed)
            try:
                found = store.load(RECIPE)
            except DataError:
                continue
            np.testing.assert_array_equal(found.pop("arrays")["filters"], np.ones(3))
            assert found.items() <= whole.items()  # a space for the end of a line, say
        file.write_bytes(content)


def test_a_benchmarks_record_is_named_for_what_it_is(store, tmp_path):
    """Nobody is told to move it away: it is good."""
    path = tmp_path / "layer.json"
    write(path, {"subject": "layer"})
    message = "json has the format 'pp_ref.benchmark', expected the record of a run, 'pp_ref.run': choose another file$"
    with pytest.raises(DataError, match=message):
        read_record(path)
    path.write_text(json.dumps({"subject": "layer", "what": "a layer"}))  # of 0.1.0
    message = r"is not the record of a run, .* \(it holds subject, what, no format .*\): choose a record that pp-ref"
    with pytest.raises(DataError, match=message):
        read_record(path)


def test_a_record_without_a_recipe(store, tmp_path):
    RUN.write_json(tmp_path / "run.json", {"summary": "all well"})
    with pytest.raises(DataError, match=r"damaged \(KeyError\('recipe'\)\): choose a record that pp-ref"):
        read_record(tmp_path / "run.json")


def test_a_kill_between_the_two_files_leaves_no_record(store, monkeypatch):
    def fail_at_json(path, content):
        if path.suffix == ".json":
            raise KeyboardInterrupt
        write_atomically(path, content)

    monkeypatch.setattr("pp_ref.envelope.write_atomically", fail_at_json)
    with pytest.raises(KeyboardInterrupt):
        store.save({"recipe": RECIPE, "arrays": {"filters": np.ones(3)}})
    assert store.load(RECIPE) is None
    assert store.records() == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"recipe": {}', b"[]", b"{}", b"3", b"\xff\xfe", b"null"], ids=repr)
def test_what_is_no_record_is_refused(store, content):
    path = store.save({"recipe": RECIPE})
    path.write_bytes(content)
    message = r"json is not the record of a run, or it is damaged \(.*\): move it away, and that run is done again$"
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
    path = store.path(RECIPE)
    for killed in (store.checkpoint(RECIPE, "layer1"), path, path.with_suffix(".safetensors")):
        part_beside(killed).write_bytes(b"left by a kill")
    others = [part_beside(each) for each in (store.checkpoint(other, "layer1"), store.path(other))]
    for file in others:
        file.write_bytes(b"being written")
    store.save({"recipe": RECIPE})
    left = {store.checkpoint(other, phase) for phase in phases} | {others[0]}
    assert set((store.folder / "unfinished").iterdir()) == left
    assert {file for file in store.folder.iterdir() if file.is_file()} == {store.path(RECIPE), others[1]}


def test_a_full_disk_keeps_the_checkpoints(store):
    file = store.checkpoint(RECIPE, "layer1")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"state")
    with full_disk(), pytest.raises(DataError, match="json could not be written: No space left on device"):
        store.save({"recipe": RECIPE})
    assert store.load(RECIPE) is None
    assert file.read_bytes() == b"state"
