"""`pp-ref conform` and `pp-ref vectors`: what they print, and which exit code they have."""

import json
import sys

import pytest

from pp_ref import cli, layers
from pp_ref.oracle.candidates import own
from tests.cli.runner import invoke
from tests.oracle.candidates.stranger import answer


@pytest.fixture
def vectors(tmp_path):
    """Exported, and answered by pp_ref itself."""
    folder = tmp_path / "vectors"
    arguments = ["--arithmetic", "float32", "--only", "dense", "--only", "pool", "--seed", "3", "--quick"]
    result = invoke("vectors", "export", str(folder), *arguments)
    assert result.exit_code == 0, result.output
    assert result.output == f"11 cases of 2 operations in {folder}\n"
    answer(folder)
    return folder


def test_conform_by_files(vectors, tmp_path):
    out = tmp_path / "report.json"
    result = invoke("conform", "--files", str(vectors), "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "in float32, seed 3: 11 cases" in result.output
    record = json.loads(out.read_text())
    assert record["folder"] == str(vectors)
    assert record["counts"]["passed"] == len(record["findings"]) == 10


def test_conform_by_files_finds_a_mistake_and_replays_it(vectors):
    def forgets_the_bias(v, W, b):
        y, cache = layers.dense_forward(v, W, b)
        return y - b, cache

    answer(vectors, own.functions() | {"dense_forward": forgets_the_bias})
    result = invoke("conform", "--files", str(vectors), "--only", "dense")
    assert result.exit_code == 1
    assert "dense is wrong in 4 of 5 cases: dense_forward leaves out the bias" in result.output
    identity = "dense/plain/float32/3"
    assert f"replay: pp-ref conform --files {vectors} --replay {identity}" in result.output
    again = invoke("conform", "--files", str(vectors), "--replay", identity)
    assert again.exit_code == 1
    assert "1 case in" in again.output


ONE_OF_TWO = "expected a CANDIDATE, or --files with a folder of vectors and answers, and not both"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], ONE_OF_TWO),
        (["pp_ref.layers", "--files", "DIR"], ONE_OF_TWO),
        (
            ["--files", "DIR", "--seed", "0"],
            "--seed is given beside --files, whose folder has what was exported: leave it",
        ),
        (["--files", "DIR", "--quick"], "--quick is given beside --files"),
        (["--files", "DIR", "--arithmetic", "float32"], "--arithmetic is given beside --files"),
        (["--files", "DIR", "--arrays", "torch"], "--arrays is given beside --files"),
        (["--files", "DIR", "--autodiff"], "--autodiff is given beside --files"),
        (["--files", "DIR", "--limit", "3"], "--limit is given beside --files"),
        (["--files", "DIR", "--only", "relu"], "only is 'relu', expected one of dense, pool"),
        (
            ["--files", "nowhere"],
            "nowhere/manifest.json cannot be read (No such file or directory): expected a folder that",
        ),
    ],
)
def test_conform_that_makes_no_sense(arguments, said, vectors):
    result = invoke("conform", *[str(vectors) if each == "DIR" else each for each in arguments])
    assert result.exit_code == 3
    assert f"pp-ref: {said}" in result.output
    assert result.output.count("\n") == 1


def test_an_export_that_is_refused_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "thesis.tex").write_text("chapter 1")
    monkeypatch.setattr(sys, "argv", ["pp-ref", "vectors", "export", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == (
        f"pp-ref: {tmp_path} holds something else than vectors: choose a new folder, or an empty one"
    )
