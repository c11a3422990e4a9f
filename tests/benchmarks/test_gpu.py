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
    for words in ("tests,pool,layer,mlp,convnet,figure5", "--images", "--rounds", "--out", "make gpu"):
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


@pytest.fixture
def stages(monkeypatch, script, tmp_path):
    """`main` with stand-ins for what its stages measure; what it wrote, and the commands that it ran."""
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace())
    out, commands = tmp_path / "gpu.json", []
    row = {"name": "gathered", "median_s": 1.0, "min_s": 1.0, "max_s": 1.0, "share_of_copy_bandwidth": 0.5}
    part = {"copy_bytes_per_s": 1e9, "reached": {}, "rows": [row]}
    for name, value in {
        "gpu_absence": lambda: None,
        "circumstances": lambda: {"machine": {"gpu": "A device"}},
        "array_library": lambda device: np,
        "pool": lambda xp, images, rounds: part | {"images": images, "rounds": rounds},
        "layer": lambda xp, images, rounds: {"rows": [{**row, "name": "expand"}]},
        "mlp": lambda xp, device, rounds: {"rows": [{**row, "name": "PyTorch, eager"}], "failed": {}},
        "convnet": lambda xp, device, images, rounds: part,
    }.items():
        monkeypatch.setitem(script.main.__globals__, name, value)
    monkeypatch.setattr(subprocess, "run", lambda command, **more: commands.append((command, more)))
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--images", "7", "--rounds", "2", "--out", str(out)])
    return SimpleNamespace(main=script.main, names=script.main.__globals__, out=out, commands=commands)


def test_the_stages_are_run_in_turn_and_each_part_is_kept(stages, capsys):
    stages.main()
    (tests, more), (figure, _) = stages.commands
    assert tests[1:] == ["-m", "pytest", "-m", "gpu"]
    assert more["env"]["PP_REF_REQUIRE_GPU"] == "1"
    assert figure[1:] == ["-m", "pp_ref.cli", "reproduce", "figure5", "--profile", "authors", "--device", "gpu"]
    record = json.loads(stages.out.read_text())
    assert (record["pool"]["images"], record["pool"]["rounds"]) == (7, 2)
    assert record["convnet"]["machine"]["gpu"] == "A device"
    assert list(record) == ["what", "goals", "tests", "pool", "layer", "mlp", "convnet", "figure5"]
    printed = capsys.readouterr().out
    assert "50% of the copy's rate" in printed
    assert "expand" in printed


def test_what_fails_is_recorded_and_the_others_go_on(stages, monkeypatch, capsys):
    def command(arguments, **more):
        raise subprocess.CalledProcessError(1, arguments)

    def off(xp, images, rounds):
        sys.exit("gpu.py: pool is off by 2.0 times its bound: nothing was timed")

    def full(xp, device, rounds):
        raise MemoryError("no room")

    monkeypatch.setattr(subprocess, "run", command)
    for name, fault in {"pool": off, "mlp": full}.items():
        monkeypatch.setitem(stages.names, name, fault)
    with pytest.raises(SystemExit, match="^gpu.py: failed: tests, pool, mlp, figure5$"):
        stages.main()
    record = json.loads(stages.out.read_text())
    assert record["pool"]["failed"] == "SystemExit: gpu.py: pool is off by 2.0 times its bound: nothing was timed"
    assert record["mlp"]["failed"] == "MemoryError: no room"
    assert record["figure5"]["failed"].startswith("CalledProcessError: Command")
    assert record["layer"]["rows"][0]["name"] == "expand"
    assert "mlp failed: MemoryError: no room" in capsys.readouterr().out


def test_the_layers_operations_are_checked_and_then_measured(stand_in, script):
    part = script.layer(stand_in, 3, 1, lambda run: float(run() is not None))
    names = [row["name"] for row in part["rows"]]
    for operation in ("pool", "pool_adjoint", "expand", "project"):
        assert {operation, f"{operation}, cuBLAS"} <= set(names)
    for batch in script.BATCHES:
        assert f"layer, batch {batch}" in names
        assert f"layer, cuBLAS, dictionary first, batch {batch}" in names
    assert {"pool", "pool_adjoint", "expand", "project", "layer, dv"} <= set(part["shares_of_bounds"])
    for share in part["shares_of_bounds"].values():
        assert 0 <= share <= 1


def test_a_wrong_operation_is_not_timed(monkeypatch, stand_in, script):
    ladders = script.layer.__globals__["LADDERS"]
    right = ladders["expand"][-1]
    wrong = right._replace(forward=lambda w, o: right.forward(w, o) * np.float32(1 + 1e-3))
    monkeypatch.setitem(ladders, "expand", (wrong,))
    with pytest.raises(SystemExit, match="^gpu.py: the largest shares of bounds are .*: nothing was timed$"):
        script.layer(stand_in, 3, 1, lambda run: 1.0)


@pytest.mark.torch
def test_the_mlps_step_on_the_processor(monkeypatch, stand_in, script):
    import torch

    monkeypatch.setattr(torch, "compile", lambda function: function)
    part = script.mlp(stand_in, "cpu", 1, steps=1, batch=4)
    assert [row["name"] for row in part["rows"]] == [
        "pp_ref, cupy",
        "pp_ref, numpy",
        "pp_ref, auto",
        "PyTorch, eager",
        "PyTorch, compiled",
    ]
    assert 0 < part["share_of_bound"] <= 1
    assert part["failed"] == {}
    assert "pool_gathered" in stand_in.launched


@pytest.mark.torch
def test_a_net_that_does_not_compile_leaves_the_others(monkeypatch, stand_in, script):
    import torch

    def uncompiled(function):
        def call(*_):
            raise RuntimeError("no compiler here\nand more")

        return call

    monkeypatch.setattr(torch, "compile", uncompiled)
    part = script.mlp(stand_in, "cpu", 1, steps=1, batch=2)
    assert part["failed"] == {"PyTorch, compiled": "RuntimeError: no compiler here"}
    assert "PyTorch, compiled" not in [row["name"] for row in part["rows"]]
    monkeypatch.setitem(script.mlp.__globals__, "mlp_agreement", lambda *_: float("nan"))
    with pytest.raises(SystemExit, match="^gpu.py: gradients differ from PyTorch's by nan times the bound"):
        script.mlp(stand_in, "cpu", 1, steps=1, batch=2)


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
