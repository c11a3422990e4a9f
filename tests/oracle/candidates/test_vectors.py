"""Exported cases: the same numbers, the same bytes, described as the schema says, written whole or not at all."""

import hashlib
import json
import os
import re
from importlib.resources import files

import numpy as np
import pytest
import safetensors
from jsonschema import Draft202012Validator
from safetensors.numpy import load_file

from pp_ref.errors import DataError, DomainError
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.candidates import vectors
from pp_ref.oracle.candidates.vectors import SCHEMA, Tensor, due, export, numbers, stored, tensors_of
from pp_ref.oracle.operations.cases import case_of, cases, every_case
from pp_ref.oracle.operations.nested import is_number, leaves
from pp_ref.oracle.operations.table import BY_NAME
from pp_ref.oracle.operations.truth import cotangents_of, truth

TEXT = (files("pp_ref.oracle") / "schemas" / "vectors.schema.json").read_text("utf-8")
VALIDATOR = Draft202012Validator(json.loads(TEXT))


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@pytest.fixture(scope="module", params=ARITHMETICS)
def exported(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors") / request.param
    return folder, export(folder, request.param)


def test_the_manifest_is_as_the_schema_says(exported):
    folder, manifest = exported
    Draft202012Validator.check_schema(VALIDATOR.schema)
    assert VALIDATOR.schema["properties"]["schema"]["const"] == SCHEMA
    record = json.loads((folder / "manifest.json").read_text())
    VALIDATOR.validate(record)
    assert record == json.loads(json.dumps(manifest))
    assert record["files"] == {f"{name}.safetensors": record["files"][f"{name}.safetensors"] for name in BY_NAME}


def test_files_hold_what_the_manifest_says_and_no_more(exported):
    folder, manifest = exported
    for file, digest in manifest["files"].items():
        data = (folder / file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest
        held = {name: (each["dtype"], list(each["shape"])) for name, each in safetensors.deserialize(data)}
        described = {
            f"{case['id']}/{each['name']}": (each["dtype"], list(each["shape"]))
            for case in manifest["cases"]
            if f"{case['operation']}.safetensors" == file
            for each in [*(t for argument in case["arguments"] for t in argument["tensors"]), *case["cotangents"]]
        }
        assert held == described


def test_every_case_but_those_about_memory_is_there(exported):
    _, manifest = exported
    drawn = every_case(ARITHMETICS[manifest["arithmetic"]])
    assert [case["id"] for case in manifest["cases"]] == [case.id for case in drawn if case.layout == "C"]


@pytest.mark.parametrize("arithmetic", ARITHMETICS.values(), ids=ARITHMETICS)
def test_numbers_come_back_to_the_bit(arithmetic):
    """float16's subnormals too: what is judged is what was stored."""
    for case in every_case(arithmetic):
        for x in [leaf for value in case.arguments.values() if is_number(value) for leaf in leaves(value)]:
            np.testing.assert_array_equal(numbers(stored(x, arithmetic)), x, case.id)
        for x in cotangents_of(case):
            np.testing.assert_array_equal(numbers(stored(x, arithmetic)), x, case.id)


@pytest.mark.parametrize("operation", BY_NAME.values(), ids=BY_NAME)
def test_answers_that_are_due_are_those_that_are_judged(operation):
    for case in cases(operation, ARITHMETICS["float64"], quick=True):
        assert due(case) == [(each.name, each.exact.shape) for each in truth(case)]
    wild = [case for case in cases(operation, ARITHMETICS["float64"]) if case.wild]
    for case in wild:
        assert due(case) == [(e.name, e.exact.shape) for e in truth(case) if e.kind == "value"]


def test_settings_are_tensors_as_well():
    found = tensors_of(case_of("predicted_conv2d/geometry 3/float32/0"))
    assert {"v", "U[0]", "U[1]", "w[0]", "b", "filter_shape", "stride", "padding", "dy"} <= found.keys()
    assert found["stride"] == Tensor("I64", (), (2).to_bytes(8, "little"))
    assert found["filter_shape"].shape == (2,)
    assert tensors_of(case_of("max_pool2d/ties/float32/0"))["ceil"] == Tensor("I64", (), (1).to_bytes(8, "little"))
    assert tensors_of(case_of("matern_kernel/plain/float32/0"))["nu"].dtype == "F64"
    assert tensors_of(case_of("ridge_dictionary/atoms/float32/0"))["form"] == Tensor("U8", (4,), b"atom")
    assert {"U[1][0]", "w[0][1]", "b[1]"} <= tensors_of(case_of("mlp/plain/float32/0")).keys()
    assert {"dy[0]", "dy[2]"} <= tensors_of(case_of("pool/plain/float32/0")).keys()
    assert "dy" not in tensors_of(case_of("mlp/plain/float32/0"))  # a loss's own gradients are due


def test_a_known_number():
    assert stored(np.array([1.0, -2.5]), ARITHMETICS["bfloat16"]) == Tensor("BF16", (2,), b"\x80\x3f\x20\xc0")
    assert stored(np.array([1.0, -2.5]), ARITHMETICS["float16"]) == Tensor("F16", (2,), b"\x00\x3c\x00\xc1")
    assert stored(np.array(1.0), ARITHMETICS["tf32"]) == Tensor("F32", (), b"\x00\x00\x80\x3f")
    assert numbers(Tensor("F8_E5M2", (1,), b"\0")) is None


def test_two_exports_have_the_same_bytes(tmp_path):
    for name in "ab":
        export(tmp_path / name, "float32", quick=True, seed=3)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    export(tmp_path / "b", "float32", quick=True, seed=4)
    assert content(tmp_path / "a") != content(tmp_path / "b")


def test_tensors_are_aligned(exported):
    folder, manifest = exported
    for file in manifest["files"]:
        data = (folder / file).read_bytes()
        length = int.from_bytes(data[:8], "little")
        assert length % 8 == 0
        for each in json.loads(data[8 : 8 + length]).values():
            assert each["data_offsets"][0] % {"64": 8, "32": 4, "16": 2, "U8": 1}[each["dtype"][-2:]] == 0


def test_vectors_are_replaced_and_answers_stay(tmp_path):
    folder = tmp_path / "vectors"
    folder.mkdir()  # an empty folder will do
    export(folder, only=["dense", "pool"], quick=True)
    (folder / "answers").mkdir()
    (folder / "answers" / "dense.safetensors").write_bytes(b"mine")
    (folder / "notes.txt").write_text("mine")
    export(folder, only=["dense", "sigmoid"], quick=True)
    assert sorted(os.listdir(folder)) == [
        "answers", "dense.safetensors", "manifest.json", "notes.txt", "sigmoid.safetensors",
    ]  # fmt: skip
    assert (folder / "answers" / "dense.safetensors").read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    "what", ["a file in it", "another manifest", "broken manifest", "nested manifest", "no folder"]
)
def test_what_holds_something_else_is_refused(what, tmp_path):
    folder = tmp_path / "thesis"
    if what == "no folder":
        folder.write_text("chapter 1")
    else:
        folder.mkdir()
        name = "chapter.tex" if what == "a file in it" else "manifest.json"
        (folder / name).write_text(
            {"another manifest": '{"schema": 1}', "nested manifest": "[" * 100_000}.get(what, "{")
        )
    before = folder.read_bytes() if folder.is_file() else content(folder)
    with pytest.raises(
        DataError,
        match=f"^{re.escape(str(folder))} holds something else than vectors: choose a new folder, or an empty",
    ):
        export(folder, only=["dense"])
    assert before == (folder.read_bytes() if folder.is_file() else content(folder))
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("there", [False, True], ids=["new", "replaced"])
def test_whole_or_not_at_all(there, tmp_path, monkeypatch):
    folder = tmp_path / "vectors"
    if there:
        export(folder, only=["dense"], quick=True)
    before = content(folder) if there else None

    def full(path, data, write=vectors.write_atomically):
        if path.name == "sigmoid.safetensors":
            raise DataError("the disk is full")
        write(path, data)

    monkeypatch.setattr(vectors, "write_atomically", full)
    with pytest.raises(DataError, match="^the disk is full$"):
        export(folder, only=["dense", "sigmoid"], seed=1)
    assert list(tmp_path.iterdir()) == ([folder] if there else [])
    assert before == (content(folder) if there else None)


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(type(tmp_path), "rename", refuse)
    with pytest.raises(DataError, match=r"could not be written .Read-only file system.: free some space or choose"):
        export(tmp_path / "vectors", only=["dense"], quick=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"arithmetic": "double"}, "arithmetic is 'double', expected one of float64, float32, "),
        ({"only": ["dense", "attention"]}, "only is 'attention', expected one of dense, pool, "),
    ],
)
def test_unknown_names(settings, message, tmp_path):
    with pytest.raises(DomainError, match=message):
        export(tmp_path / "vectors", **settings)
    assert not list(tmp_path.iterdir())


def test_safetensors_own_reader_reads_them(exported):
    folder, manifest = exported
    if manifest["arithmetic"] == "bfloat16":
        pytest.skip("NumPy has no bfloat16, so safetensors.numpy reads none")
    v = load_file(folder / "dense.safetensors")[f"dense/plain/{manifest['arithmetic']}/0/v"]
    np.testing.assert_array_equal(v, case_of(f"dense/plain/{manifest['arithmetic']}/0").arguments["v"])


def test_a_fifo_for_a_manifest(tmp_path):
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(DataError, match="holds something else than vectors"):
        export(tmp_path, only=["dense"])
