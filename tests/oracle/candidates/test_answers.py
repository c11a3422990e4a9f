"""Answers in files, judged as functions are; files that were cut, altered or are of another version are refused."""

import hashlib
import json
import re

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from safetensors.numpy import load_file, save_file

from pp_ref.errors import DataError, DomainError
from pp_ref.oracle import conform
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.candidates import own
from pp_ref.oracle.candidates.answers import Answers
from pp_ref.oracle.candidates.vectors import export, packed, stored
from pp_ref.oracle.operations.cases import cases
from pp_ref.oracle.operations.table import BY_NAME
from pp_ref.oracle.operations.truth import truth
from pp_ref.oracle.verdict.findings import Status
from tests.odd_files import ODD
from tests.oracle.candidates.stranger import answer
from tests.oracle.candidates.test_vectors import TEXT

ONLY = ["dense", "pool", "sigmoid"]


def judged(folder, **settings):
    answers = Answers(folder)
    return conform(answers, seed=answers.seed, among=answers.ids, **settings)


@pytest.fixture
def folder(tmp_path):
    export(tmp_path / "vectors", only=ONLY, quick=True)
    answer(tmp_path / "vectors")
    return tmp_path / "vectors"


def changed(folder, change, operation="dense"):
    """The answers to an operation, after a change of the dictionary of its tensors."""
    path = folder / "answers" / f"{operation}.safetensors"
    tensors = {name: x.copy() for name, x in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)


def failures(report):
    return {finding.id: finding for finding in report.findings if finding.status != Status.passed}


@pytest.mark.parametrize("arithmetic", ["float64", "float32"])
def test_pp_ref_conforms_by_files(arithmetic, tmp_path):
    manifest = export(tmp_path / "vectors", arithmetic, quick=True, seed=2)
    answer(tmp_path / "vectors")
    report = judged(tmp_path / "vectors")
    assert report.exit_code == 0, failures(report)
    assert {finding.operation for finding in failures(report).values()} == BY_NAME.keys() - set(own.provided())
    assert [finding.id for finding in report.findings] == [case["id"] for case in manifest["cases"]]
    assert {finding.operation for finding in report.findings} == BY_NAME.keys()
    assert report.candidate == str(tmp_path / "vectors")
    assert (report.arithmetic, report.seed) == (arithmetic, 2)


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_answers_in_every_dtype(arithmetic, tmp_path):
    """The exact values, stored, are right; with the sign of one entry changed they are not."""
    export(tmp_path, arithmetic, only=["dense"])
    exact = {
        f"{case.id}/{each.name}": stored(case.arithmetic.representable(each.exact), case.arithmetic)
        for case in cases(BY_NAME["dense"], ARITHMETICS[arithmetic])
        if case.layout == "C"
        for each in truth(case)
    }
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "dense.safetensors").write_bytes(packed(exact))
    assert not failures(judged(tmp_path))
    name = f"dense/plain/{arithmetic}/0/y"
    data = exact[name].data
    changed = exact | {name: exact[name]._replace(data=data[:-1] + bytes([data[-1] ^ 0x80]))}
    (tmp_path / "answers" / "dense.safetensors").write_bytes(packed(changed))
    assert [finding.status for finding in failures(judged(tmp_path)).values()] == [Status.failed]


def test_nan_and_infinity_come_through(tmp_path):
    export(tmp_path, only=ONLY)
    answer(tmp_path)
    assert any("NaN in" in finding.id for finding in judged(tmp_path).findings)
    assert judged(tmp_path).exit_code == 0
    changed(tmp_path, lambda tensors: tensors["dense/NaN in v/float64/0/y"].fill(0))
    assert judged(tmp_path).diagnoses == {
        "dense": "NaN or infinity in an argument does not come through to y (NaN in v); in 1 of 18 cases: NaN in v"
    }


@pytest.mark.parametrize(
    ("name", "wrong", "operation", "said"),
    [
        ("sigmoid_backward", lambda dy, cache: +dy, "sigmoid", "equals the right value without sigmoid'"),
        (
            "pool_backward",
            lambda dy, cache: own.functions()["pool_backward"](dy, cache) / len(dy),
            "pool",
            "averages the columns' dv in place of adding them",
        ),
    ],
    ids=["sigmoid'", "mean for sum"],
)
def test_a_known_mistake_is_named(name, wrong, operation, said, folder):
    answer(folder, own.functions() | {name: wrong})
    report = judged(folder)
    assert list(report.diagnoses) == [operation]
    assert said in report.diagnoses[operation]
    assert report.exit_code == 1


CHANGES = {
    "NaN": (lambda t: t["dense/plain/float64/0/y"].__setitem__((0, 0), np.nan), "y has NaN where numbers are due"),
    "one entry": (lambda t: t["dense/plain/float64/0/dW"].__setitem__((0, 0), 7), "dW is wrong in 1 of 28 entries"),
    "gradient missing": (lambda t: t.pop("dense/plain/float64/0/dv"), "dv is missing from what it returns"),
    "case missing": (
        lambda t: [t.pop(f"dense/plain/float64/0/{name}") for name in ("y", "dv", "dW", "db")],
        "the answers to this case are missing: expected y, dv, dW, db",
    ),
    "nobody asked": (
        lambda t: t.update({"dense/plain/float64/0/dU": np.zeros(2)}),
        "returns dU, which nobody asked for",
    ),
    "unknown case": (
        lambda t: t.update({"dense/plane/float64/0/y": np.zeros(2)}),
        "there are answers to 'dense/plane/float64/0', which nobody asked for",
    ),
    "no slash": (lambda t: t.update(y=np.zeros(2)), "there are answers to '', which nobody asked for"),
    "dtype": (
        lambda t: t.update({"dense/plain/float64/0/y": t["dense/plain/float64/0/y"].astype("f4")}),
        "y is F32, expected F64, as the manifest says",
    ),
    "truth values": (
        lambda t: t.update({"dense/plain/float64/0/y": np.ones((6, 4), bool)}),
        "y is BOOL, expected F64, as the manifest says",
    ),
    "shape": (
        lambda t: t.update({"dense/plain/float64/0/y": t["dense/plain/float64/0/y"].reshape(4, 6)}),
        "y has shape (4, 6), expected (6, 4)",
    ),
    "transposed": (
        lambda t: t.update({"dense/square/float64/0/y": t["dense/square/float64/0/y"].T.copy()}),
        "y is transposed",
    ),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_what_is_wrong_with_an_answer_is_a_finding(change, said, folder):
    changed(folder, change)
    report = judged(folder)
    ((identity, finding),) = failures(report).items()
    assert identity == f"dense/{'square' if said == 'y is transposed' else 'plain'}/float64/0"
    assert finding.status == Status.failed
    assert said in " ".join([finding.diagnosis or "", *finding.messages])


def test_an_operation_without_a_file_is_not_provided(folder):
    (folder / "answers" / "pool.safetensors").unlink()
    report = judged(folder)
    assert {f.operation for f in failures(report).values()} == {"pool"}
    assert {f.status for f in failures(report).values()} == {Status.not_provided}


def test_only_and_replay(folder):
    assert {finding.operation for finding in judged(folder, only=["pool"]).findings} == {"pool"}
    (finding,) = judged(folder, replay="dense/tails/float64/0").findings
    assert finding.id == "dense/tails/float64/0"
    with pytest.raises(DomainError, match="^only is 'relu', expected one of dense, pool, sigmoid$"):
        judged(folder, only=["relu"])
    with pytest.raises(
        DomainError, match="^replay is 'dense/strided/float64/0', which is not among the cases that were"
    ):
        judged(folder, replay="dense/strided/float64/0")


def test_the_candidate_says_who_it_is_and_what_fails(folder):
    about = {"name": "mine", "arithmetic": "float64", "expected": {"dense/tails/*": "tiles of 8 alone"}}
    (folder / "answers" / "manifest.json").write_text(json.dumps(about))
    changed(folder, lambda tensors: tensors["dense/tails/float64/0/y"].fill(0))
    report = judged(folder)
    assert report.candidate == "mine"
    ((identity, finding),) = failures(report).items()
    assert (identity, finding.status, finding.reason) == (
        "dense/tails/float64/0", Status.expected, "tiles of 8 alone",
    )  # fmt: skip
    answer(folder)
    assert failures(judged(folder))["dense/tails/float64/0"].status == Status.unexpected_pass


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ('{"name": ', r"manifest.json is no JSON .*: expected JSON$"),
        (
            "[]",
            r"manifest.json is \[\], expected at most name and arithmetic, which are strings, and expected, an object",
        ),
        ('{"name": 3}', "is {'name': 3}, expected at most name"),
        ('{"expected": {"dense/*": 1}}', "is {'expected': {'dense/.': 1}}, expected at most name"),
        ('{"dtype": "float32"}', "is {'dtype': 'float32'}, expected at most name"),
        (
            '{"arithmetic": "tf32"}',
            "says that the arithmetic is 'tf32', but the vectors are of float64: export them with `--arithmetic tf32`",
        ),
    ],
)
def test_what_the_candidate_says_of_itself_is_checked(about, message, folder):
    (folder / "answers" / "manifest.json").write_text(about)
    with pytest.raises(DataError, match=message):
        Answers(folder)


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_truncated_answers(keep, folder):
    path = folder / "answers" / "pool.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=f"^{path} is truncated, or no safetensors file .*: write it anew$"):
        Answers(folder)


def test_there_have_to_be_answers(tmp_path):
    export(tmp_path, only=["dense", "pool"], quick=True)
    said = "answers holds no answers: expected dense.safetensors, or another file of the names in"
    with pytest.raises(DataError, match=said):
        Answers(tmp_path)
    (tmp_path / "answers").mkdir()
    with pytest.raises(DataError, match=said):
        Answers(tmp_path)
    save_file({"y": np.zeros(2)}, tmp_path / "answers" / "denze.safetensors")
    with pytest.raises(DataError, match="denze.safetensors answers what nobody asked: expected dense.safetensors, or"):
        Answers(tmp_path)


def altered(data):
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("change", [altered, lambda data: data[:-8], lambda data: b""], ids=["altered", "cut", "empty"])
def test_vectors_that_are_not_as_exported_are_refused(change, folder):
    path = folder / "pool.safetensors"
    path.write_bytes(change(path.read_bytes()))
    said = f"^{path} is not what was exported, by its SHA-256 in manifest.json: export the vectors anew with `pp-ref"
    with pytest.raises(DataError, match=said):
        Answers(folder)
    path.unlink()
    with pytest.raises(
        DataError, match=f"^{path} cannot be read .No such file.*: expected the vectors of an operation"
    ):
        Answers(folder)


def manifest_with(folder, **changes):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(manifest))


def test_vectors_of_another_draw_are_refused(folder):
    """The file and its checksum agree, but these are not the numbers that the case has here."""
    before = (folder / "dense.safetensors").read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text())
    path = folder / "dense.safetensors"
    tensors = load_file(path)
    tensors["dense/plain/float64/0/W"] = tensors["dense/plain/float64/0/W"] + 1
    save_file(tensors, path)
    assert path.read_bytes() != before
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest_with(folder, files=manifest["files"] | {"dense.safetensors": digest})
    said = (
        "holds another W of dense/plain/float64/0 than this version of pp_ref and NumPy draws: export the vectors anew"
    )
    with pytest.raises(DataError, match=said):
        Answers(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"schema": "pp_ref.vectors/2"},
            "is of version 'pp_ref.vectors/2', but this pp_ref reads 'pp_ref.vectors/1': exp",
        ),
        ({"schema": "pp_ref.report/1"}, "is no manifest of vectors: expected one that `pp-ref vectors export` wrote"),
        (
            {"arithmetic": "float8"},
            "is not as it was exported, or of another version of pp_ref .its cases are of another arithm",
        ),
        ({"arithmetic": "tf32"}, "its cases are of another arithmetic or seed"),
        ({"seed": 1}, "its cases are of another arithmetic or seed"),
        ({"seed": [0]}, "is not as it was exported, or of another version of pp_ref"),
        ({"files": []}, "is not as it was exported, or of another version of pp_ref"),
        ({"files": {}}, "its cases are not those of its files"),
        ({"files": {}, "cases": []}, "its cases are not those of its files"),
        ({"cases": [{"id": "dense/sparse/float64/0", "operation": "dense"}]}, "dense has no regime 'sparse'"),
        ({"cases": None}, "is not as it was exported, or of another version of pp_ref"),
    ],
)
def test_another_manifest_is_refused(changes, message, folder):
    manifest_with(folder, **changes)
    with pytest.raises(DataError, match=f"^{re.escape(str(folder / 'manifest.json'))} .*{message}"):
        Answers(folder)


def test_a_folder_without_vectors(tmp_path):
    with pytest.raises(
        DataError, match=r"manifest.json cannot be read .No such file.*: expected a folder that `pp-ref vectors export`"
    ):
        Answers(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest.json is no JSON .*: expected a folder that"):
        Answers(tmp_path)


def test_the_schema_refuses_another_manifest(folder):
    validator = Draft202012Validator(json.loads(TEXT))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert validator.is_valid(manifest)
    for change in (
        {"schema": "pp_ref.vectors/2"}, {"more": 1}, {"seed": -1}, {"files": {"../dense.safetensors": "0" * 64}},
        {"files": {"dense.safetensors": "0"}}, {"cases": [{"id": "dense/plain/float64/0"}]},
    ):  # fmt: skip
        assert not validator.is_valid(manifest | change)


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["manifest.json", "pool.safetensors", "answers/pool.safetensors"])
def test_what_is_no_regular_file(name, kind, folder):
    make, why = ODD[kind]
    (folder / name).unlink()
    with make(folder / name), pytest.raises(DataError, match=rf"{name} cannot be read \({why}\): expected "):
        Answers(folder)


def test_a_deeply_nested_manifest(folder):
    (folder / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="manifest.json is no JSON .*recursion.*: expected a folder that"):
        Answers(folder)
