"""Files that pp_ref 0.1.0 wrote, at commit 071a473, before there was an envelope: each is read, and nothing like it."""

import json
import shutil

import numpy as np
import pytest

from benchmarks.migrate_records import migrate
from pp_ref.bench import record
from pp_ref.dictionaries import Dictionary, Grid
from pp_ref.envelope import ENVELOPE
from pp_ref.errors import DataError
from pp_ref.experiments.run_store import COMMON, FOUND, RUN, RunStore
from pp_ref.generators import generator_state
from pp_ref.kernels import rates
from pp_ref.records import STUDY
from pp_ref.training import Checkpoint
from tests.tree import ROOT

FOLDER = ROOT / "tests" / "fixtures" / "0.1.0"


def test_runs_with_and_without_arrays():
    figure4, figure1 = RunStore(FOLDER / "figures" / "old").records()
    assert figure1["recipe"]["experiment"] == "figure1"
    assert {name: array.dtype for name, array in figure1["arrays"].items()} == dict.fromkeys(
        ("features", "predicted"), np.dtype("float32")
    )
    assert (figure4["recipe"]["label"], figure4["stop"], len(figure4["history"])) == ("LowRank", "EPOCHS", 30)


def test_a_benchmark():
    assert record.read(FOLDER / "speed" / "features.json")["subject"] == "features"


def test_rates(monkeypatch):
    path = FOLDER / "rates.json"
    machine = json.loads(path.read_text())["machine"]
    monkeypatch.setattr(rates, "machine_key", lambda: machine)
    assert rates.read_rates(path) == {1: rates.default_rates()._replace(flop=3e-11), 2: rates.default_rates(2)}


def test_a_checkpoint():
    state = Checkpoint(FOLDER / "checkpoint.safetensors", {"label": "old", "hidden": (3, 2)}).load()
    np.testing.assert_array_equal(state.vectors["params"], np.arange(5, dtype=np.float32), strict=True)
    np.testing.assert_array_equal(state.vectors["velocity"], np.zeros(5, np.float32), strict=True)
    assert state.rng == generator_state(np.random.default_rng(3))
    assert state.history == [{"epoch": 1, "loss": 0.5}]


@pytest.mark.parametrize(("name", "structure"), [("se", "dense"), ("nokernel", "gather")])
def test_a_dictionary(name, structure, tmp_path):
    old = Dictionary.load(FOLDER / f"{name}.safetensors")
    assert (old.space, old.recipe.kind, old.n_columns) == (Grid(3, 4), name, 2)
    assert {column.structure for column in old.columns} == {structure}
    old.save(tmp_path / "new")
    new = Dictionary.load(tmp_path / "new")
    assert new.recipe == old.recipe
    for left, right in zip(old.columns, new.columns, strict=True):
        assert left.U.tobytes() == right.U.tobytes()
        assert left.alpha.tobytes() == right.alpha.tobytes()


@pytest.mark.parametrize("found", FOUND, ids=sorted)
def test_what_every_figure_found_is_known(found):
    old = dict.fromkeys(COMMON | found)
    assert RUN.is_old(old)
    for changed in (old | {"more": 1}, *({name: old[name] for name in old if name != left} for left in COMMON)):
        assert not RUN.is_old(changed)


def test_nothing_else_is_taken_for_one_of_before(tmp_path):
    """A file that has lost its envelope, or a part of it, is damaged."""
    store = RunStore(FOLDER / "figures" / "old")
    store, old = RunStore(tmp_path), store.records()[1]
    path = store.save(old)
    held = json.loads(path.read_text())
    for name in ENVELOPE:
        path.write_text(json.dumps({key: value for key, value in held.items() if key != name}))
        with pytest.raises(DataError, match=f"no {name}, and is not what pp_ref 0.1.0 wrote"):
            store.load(old["recipe"])


def test_migrating_changes_no_number_and_no_name_and_is_done_once(tmp_path):
    folder = tmp_path / "benchmarks"
    shutil.copytree(FOLDER / "figures", folder / "figures")
    shutil.copytree(FOLDER / "speed", folder / "speed")
    (folder / "study.json").write_text('{"rows": [1.0, 2]}\n')
    (folder / "study2.json").write_text('{\n "rows": [\n  0.1\n ]\n}\n')
    names = sorted(folder.rglob("*"))
    before = {path: json.loads(path.read_bytes()) for path in folder.rglob("*.json")}
    arrays = [each.get("arrays") for each in RunStore(folder / "figures" / "old").records()]
    assert sorted(migrate(folder)) == sorted(before)
    assert sorted(folder.rglob("*")) == names
    for path, content in before.items():
        now = json.loads(path.read_bytes())
        added = ["arrays_checksum"] * ("arrays" in content)
        assert list(now) == [*ENVELOPE, *content, *added]
        assert content.items() <= now.items()
    for old, new in zip(arrays, RunStore(folder / "figures" / "old").records(), strict=True):
        for name in old or ():
            np.testing.assert_array_equal(new["arrays"][name], old[name], strict=True)
    assert STUDY.read_json(folder / "study.json", "") == {"rows": [1.0, 2]}
    assert (folder / "study.json").read_text().count("\n") == 1
    assert (folder / "study2.json").read_text().count("\n") == 8
    whole = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert migrate(folder) == []
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == whole


def test_every_committed_record_has_its_envelope():
    written_by_hand = ROOT / "benchmarks" / "oracle" / "blind_set"
    for path in (ROOT / "benchmarks").rglob("*.json"):
        if path.parent == written_by_hand or path.name.endswith("readings.json"):
            continue
        assert set(ENVELOPE) <= json.loads(path.read_bytes()).keys(), path
