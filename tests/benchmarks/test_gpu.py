"""The command for a machine with a CUDA device, as far as it goes on one without."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.kernels.gpu.cuda_on_cpu import standing_in
from tests.processes import ROOT

SPEED = ROOT / "benchmarks" / "speed"
SCRIPT = SPEED / "gpu.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def script():
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


@pytest.fixture
def stand_in(tmp_path):
    """With the switch for TF32, which changes nothing here."""
    with standing_in(tmp_path) as processor:
        types = {"now": 0}
        switch = SimpleNamespace(
            COMPUTE_TYPE_TF32=7,
            get_compute_type=lambda dtype: types["now"],
            set_compute_type=lambda dtype, value: types.update(now=value),
        )
        processor._core = SimpleNamespace(_routines_linalg=switch)
        yield processor


def test_help_lists_the_stages():
    done = run("--help")
    assert done.returncode == 0
    for words in ("tests,pool,convnet,figure5", "--images", "--rounds", "--out", "make gpu"):
        assert words in done.stdout


def test_a_stage_that_does_not_exist():
    done = run("--stages", "cnn")
    assert done.returncode == 2
    assert "invalid choice: 'cnn'" in done.stderr


def test_without_a_device_it_says_why_in_one_line(monkeypatch, script):
    main = script.main
    monkeypatch.setitem(main.__globals__, "gpu_absence", lambda: "the CUDA driver lists no device")
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    with pytest.raises(SystemExit, match="^gpu.py: the CUDA driver lists no device: nothing was run$"):
        main()


def test_the_stages_are_run_in_turn_and_each_part_is_kept(monkeypatch, script, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace())
    out, commands, names = tmp_path / "gpu.json", [], script.main.__globals__
    row = {"name": "gathered", "median_s": 1.0, "min_s": 1.0, "max_s": 1.0, "share_of_copy_bandwidth": 0.5}
    part = {"copy_bytes_per_s": 1e9, "reached": {}, "rows": [row]}
    for name, value in {
        "gpu_absence": lambda: None,
        "circumstances": lambda: {"machine": {"gpu": "A device"}},
        "array_library": lambda device: np,
        "pool": lambda xp, images, rounds: part | {"images": images, "rounds": rounds},
        "convnet": lambda xp, device, images, rounds: part,
    }.items():
        monkeypatch.setitem(names, name, value)
    monkeypatch.setattr(subprocess, "run", lambda command, **more: commands.append((command, more)))
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--images", "7", "--rounds", "2", "--out", str(out)])
    script.main()
    (tests, more), (figure, _) = commands
    assert tests[1:] == ["-m", "pytest", "-m", "gpu"]
    assert more["env"]["PP_REF_REQUIRE_GPU"] == "1"
    assert figure[1:] == ["-m", "pp_ref.cli", "reproduce", "figure5", "--profile", "authors", "--device", "gpu"]
    record = json.loads(out.read_text())
    assert (record["pool"]["images"], record["pool"]["rounds"]) == (7, 2)
    assert record["convnet"]["machine"]["gpu"] == "A device"
    assert "50% of the copy's rate" in capsys.readouterr().out


def test_the_pool_is_checked_and_then_measured(stand_in, script):
    turns = []

    def seconds(run):
        turns.append(run)
        run()
        return float(len(turns))

    part = script.pool(stand_in, 3, 2, seconds)
    names = [row["name"] for row in part["rows"]]
    assert names[0] == "cuBLAS float32"
    assert {"naive", "tiled", "separable", "gathered", "layer, combined", "copy"} <= set(names)
    assert len(turns) == 2 * len(names)
    assert part["shapes"] | {"n": 3, "d": 784, "k": 1960} == part["shapes"]
    for row in part["rows"]:
        if row["name"] != "copy":
            assert 0 < row["share_of_bound"] <= 1
    assert set(part["reached"]) == set(script.GOALS)
    assert stand_in._core._routines_linalg.get_compute_type("f4") == 0


def test_a_wrong_result_is_not_timed(monkeypatch, stand_in, script):
    runs = script.contenders(stand_in, script.problem(3))
    wrong = {"gathered": lambda: np.asarray(runs["gathered"]()) * np.float32(1 + 1e-3)}
    monkeypatch.setitem(script.pool.__globals__, "contenders", lambda xp, given: wrong)
    with pytest.raises(SystemExit, match="^gpu.py: gathered is off by .* times its bound: nothing was timed$"):
        script.pool(stand_in, 3, 1, lambda run: 1.0)


def test_without_the_switch_there_is_no_tf32(stand_in, script):
    del stand_in._core
    names = list(script.contenders(stand_in, script.problem(2)))
    assert "cuBLAS float32" in names
    assert not [name for name in names if "TF32" in name]


@pytest.mark.torch
def test_the_convnets_epoch_on_the_processor(monkeypatch, script):
    monkeypatch.syspath_prepend(str(SPEED))
    part = script.convnet(np, "cpu", 8, 1, batch=4)
    assert [row["name"] for row in part["rows"]][:2] == ["pp_ref, full", "pp_ref, 25% learned"]
    assert 0 < part["share_of_bound"] <= 1


def test_make_gpu_is_this_script():
    makefile = Path(ROOT, "Makefile").read_text()
    assert re.search(r"^gpu:.*\n\t\$\(PYTHON\) benchmarks/speed/gpu.py$", makefile, re.MULTILINE)
