"""`pp-ref bench`: a command for each subject, its record, and all of them in a folder."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from pp_ref import cli, machine
from pp_ref.bench.roofline import roofline
from pp_ref.bench.subjects import SUBJECTS
from pp_ref.experiments.drawing import save_figure
from tests.cli.runner import invoke
from tests.tree import ROOT


def test_help_has_every_subject():
    result = invoke("bench", "--help")
    assert result.exit_code == 0
    for subject in SUBJECTS.values():
        assert f" {subject.name} " in result.output
        assert subject.about.split()[0] in result.output
    for command in ("all", "gpu", "gpu_kernels", "compare", "calibrate", "scaling-model"):
        assert f" {command} " in result.output


@pytest.fixture
def short(monkeypatch):
    """Processes of `start_up` that do nothing, limits of the machine that are not measured, and nothing is compiled."""
    if find_spec("torch"):
        monkeypatch.setattr("torch.compile", lambda function, **settings: function)
    commands = {name: ["-c", "pass"] for name in ("numba, one line", "pool")}
    monkeypatch.setattr("pp_ref.bench.start_up.COMMANDS", commands)
    limits = {"peak_gflops": 100.0, "copy_gb_s": 10.0}
    monkeypatch.setattr("pp_ref.bench.record._limits", lambda threads, timing: {"threads": threads} | limits)


@pytest.mark.parametrize("name", ["pooling", "start_up"])
def test_a_record_is_written_and_said(name, tmp_path, short):
    out = tmp_path / "record.json"
    result = invoke("bench", name, "--small", "--rounds", "1", "--out", str(out))
    assert result.exit_code == 0, result.output
    record = json.loads(out.read_text())
    assert (record["subject"], record["rounds"], "numpy" in record["versions"]) == (name, 1, True)
    assert record["what"] in result.output
    assert "rows are unstable" in result.output  # a single round is no proof
    assert result.stderr == ""  # progress is for a terminal
    assert out.with_suffix(".svg").exists()
    assert out.with_name("record-roofline.svg").exists() == SUBJECTS[name].roofline
    if SUBJECTS[name].roofline:
        again = save_figure(roofline(record), tmp_path / "again")
        assert [path.read_bytes() for path in again] == [
            out.with_name(path.name.replace("again", "record-roofline")).read_bytes() for path in again
        ]


def test_without_matplotlib_the_record_is_written_and_nothing_drawn(tmp_path, monkeypatch, short):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = invoke("bench", "start_up", "--rounds", "1", "--out", str(tmp_path / "record.json"))
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("nothing is drawn: matplotlib is not installed")
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


@pytest.fixture
def started(monkeypatch):
    """Return the commands that are started and what they require of a GPU; those that contain these words fail."""
    commands = []

    def run(command, **more):
        commands.append((command[1:], more["env"]["PP_REF_REQUIRE_GPU"]))
        return subprocess.CompletedProcess(command, int(not {"rica", "pytest", "gpu_mlp"}.isdisjoint(command)))

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_all_go_on_if_one_fails(started, tmp_path):
    result = invoke("bench", "all", "--small", "--rounds", "2", "--out", str(tmp_path))
    assert [command[3] for command, _ in started] == [n for n, each in SUBJECTS.items() if each.device == "cpu"]
    assert started[0][0][4:] == ["--small", "--rounds=2", f"--out={tmp_path / 'pooling'}.json"]
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1] == f"layer: 2 of {len(started)}"
    assert result.stderr.splitlines()[-1] == "pp-ref: left out: rica"


def test_gpu_is_all_that_needs_a_device_and_goes_on_if_something_fails(started, tmp_path):
    result = invoke("bench", "gpu", "--out", str(tmp_path))
    (tests, required), *subjects, (figure5, _) = started
    assert (tests, required) == (["-m", "pytest", "-m", "gpu"], "1")
    assert [command[3] for command, _ in subjects] == ["gpu_pool", "gpu_layer", "gpu_mlp", "gpu_convnet"]
    assert subjects[0][0][-1] == f"--out={tmp_path / 'gpu_pool'}.json"
    assert figure5[2:] == ["reproduce", "figure5", "--profile", "authors", "--device", "gpu"]
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "tests: 1 of 6"
    assert result.stderr.splitlines()[-1] == "pp-ref: left out: tests, gpu_mlp"


def test_make_gpu_is_this_command():
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^gpu:.*\n\t\$\(PYTHON\) -m pp_ref bench gpu$", makefile, re.MULTILINE)


@pytest.mark.parametrize("name", ["gpu_pool", "gpu_layer", "gpu_mlp", "gpu_convnet"])
def test_without_a_device_it_says_why_in_one_line(name, monkeypatch):
    monkeypatch.setattr(machine, "gpu_absence", lambda: "the CUDA driver lists no device")
    monkeypatch.setattr(sys, "argv", ["pp-ref", "bench", name])
    with pytest.raises(SystemExit, match="^pp-ref: the CUDA driver lists no device: use device cpu$"):
        cli.main()


@pytest.mark.nvrtc
def test_kernels_are_compiled_without_a_device(tmp_path):
    out = tmp_path / "gpu_kernels.json"
    result = invoke("bench", "gpu_kernels", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert json.loads(out.read_text())["measured"][0].keys() == {"architecture", "dtype", "rows"}
    assert "of any kernel" in result.output
