"""`pp-ref conform` and `pp-ref vectors`: what they print, and which exit code they have."""

import json
import os
import re
import subprocess
import sys

import pytest

from pp_ref import cli, layers
from pp_ref.oracle.candidates import own
from pp_ref.oracle.operations.table import OPERATIONS
from tests.cli.runner import invoke
from tests.oracle.candidates.stranger import answer
from tests.tree import ROOT


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


def test_what_is_judged_is_listed():
    """Each operation with its regimes; ten planted faults and more wherever pp_ref has a function of its own."""
    result = invoke("conform", "--list")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert len(lines) == 2 * len(OPERATIONS)
    faults = {}
    for operation, first, second in zip(OPERATIONS, lines[::2], lines[1::2], strict=True):
        assert first == f"{operation}: {operation.equation}"
        assert all(regime in second for regime in operation.regimes)
        faults[operation.name] = int(second.split()[-3])
    assert min(faults[name] for name in own.provided()) >= 10
    assert "viterbi_score; 15 regimes, of its own ties, minus infinity, one frame, one phone; " in result.output


def test_conform_by_files(vectors, tmp_path):
    out = tmp_path / "report.json"
    result = invoke("conform", "--files", str(vectors), "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "in float32, seed 3: 11 cases" in result.output
    record = json.loads(out.read_text())
    assert record["folder"] == str(vectors)
    assert record["counts"]["passed"] == len(record["findings"]) == 11


def test_conform_by_files_finds_a_mistake_and_replays_it(vectors):
    def forgets_the_bias(v, W, b):
        y, cache = layers.dense_forward(v, W, b)
        return y - b, cache

    answer(vectors, own.functions() | {"dense_forward": forgets_the_bias})
    result = invoke("conform", "--files", str(vectors), "--only", "dense")
    assert result.exit_code == 1
    assert "dense is wrong: dense_forward leaves out the bias" in result.output
    shown = re.search(f"replay: pp-ref conform --files {vectors} --replay '?(dense/[a-z ]+/float32/3)", result.output)
    assert shown
    identity = shown[1]
    again = invoke("conform", "--files", str(vectors), "--replay", identity)
    assert again.exit_code == 1
    assert "1 case in" in again.output
    assert "dense_forward leaves out the bias; in 5 of 6 cases" in " ".join(again.output.split())


def test_a_race_is_looked_for_and_nothing_to_judge_is_said(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("FORWARD_ONLY = True\ndef dense(v, W, b):\n    return v @ W + b\n")
    result = invoke("conform", str(file), "--only", "dense", "--quick", "--repeat", "100")
    assert result.exit_code == 0, result.output
    said = "100 further calls in every case: a race is seen in 1 of 10 calls with a probability of 1, in 1 of 100 calls"
    assert f"{said} with a probability of 0.63" in result.output
    result = invoke("conform", str(file), "--only", "relu", "--quick")
    assert result.exit_code == 3
    assert f"pp-ref: nothing could be judged: {file} has no function for relu" in result.output


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
        (["--files", "DIR", "--repeat", "3"], "--repeat is given beside --files"),
        (["--files", "DIR", "--limit", "3"], "--limit is given beside --files"),
        (["--files", "DIR", "--device", "cpu"], "--device is given beside --files"),
        (["--files", "DIR", "--import-limit", "3"], "--import-limit is given beside --files"),
        (["--files", "DIR", "--show-output"], "--show-output is given beside --files"),
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


CASE = "relu/plain/float64/0"
RELU = (
    "FORWARD_ONLY = True\nimport numpy as np\n\n\ndef relu(v):\n"
    "    print('\\x1b[2Jcalled é')\n    return np.maximum(v, 0)\n"
)


@pytest.fixture
def relu(tmp_path):
    """A file whose relu is right, and prints."""
    path = tmp_path / "my_layers.py"
    path.write_text(RELU)
    return path


def conformed(*arguments, environment=None, **streams):
    """`pp-ref conform` in a process of its own."""
    streams = {"stdout": subprocess.PIPE} | streams
    command = [sys.executable, "-m", "pp_ref", "conform", *map(str, arguments), "--replay", CASE]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | (environment or {})
    return subprocess.run(command, env=environment, stderr=subprocess.PIPE, **streams)


def test_what_it_prints_is_shown_when_it_is_asked_for(relu):
    said = invoke("conform", str(relu), "--replay", CASE).output
    assert "calls go through numpy\nit printed something: --show-output shows it\n" in said
    assert "called" not in said
    said = invoke("conform", str(relu), "--replay", CASE, "--show-output").output
    assert "\nprinted at relu/plain/float64/0:\n  \\x1b[2Jcalled é\n  \\x1b[2Jcalled é\n" in said
    assert "--show-output" not in said


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_report_that_cannot_be_printed(relu, tmp_path):
    out = tmp_path / "report.json"
    with open("/dev/full", "w") as full:
        done = conformed(relu, "--out", out, stdout=full)
    assert done.returncode == 3
    words = b"pp-ref: the report cannot be written to standard output: No space left on device\n"
    assert done.stderr == words
    assert json.loads(out.read_text())["exit_code"] == 0


def test_a_report_into_a_closed_pipe(relu):
    reader, writer = os.pipe()
    os.close(reader)
    done = conformed(relu, stdout=writer)
    os.close(writer)
    assert done.returncode == 3
    assert done.stderr == b"pp-ref: the report cannot be written to standard output: Broken pipe\n"


def test_no_standard_output_at_all(relu, tmp_path):
    script = f'exec "{sys.executable}" -m pp_ref conform "{relu}" --replay {CASE} <&- >&-'
    done = subprocess.run(["sh", "-c", script], stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 3
    words = b"pp-ref: standard output is closed, and so the report cannot be written: write one with --out FILE\n"
    assert done.stderr == words


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=["ascii", "POSIX"],
)
def test_a_terminal_that_has_ascii_alone(relu, environment):
    done = conformed(relu, "--show-output", environment=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\x1b[2Jcalled \xe9" in done.stdout
    assert done.stdout.isascii()


def test_no_home_and_no_temporary_folder(relu):
    nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "TMPDIR", "TMP", "TEMP"), "/dev/null/nowhere")
    done = conformed(relu, environment=nowhere)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"1 case in" in done.stdout


@pytest.mark.parametrize("out", ["/dev/full", "report.txt"])
def test_a_report_of_no_format_is_refused_at_once(relu, out):
    relu.write_text("import time\ntime.sleep(600)\n")
    result = invoke("conform", str(relu), "--out", out)
    assert result.exit_code == 3
    assert f"pp-ref: path is '{out}', expected a name that ends in .json, .xml (JUnit) or .html" in result.output


def test_a_report_where_no_file_can_be(relu):
    result = invoke("conform", str(relu), "--replay", CASE, "--out", "/dev/null/report.json")
    assert result.exit_code == 3
    assert "pp-ref: /dev/null/report.json could not be written: File exists" in result.output
    assert result.output.count("\n") == 1


def test_limits_and_devices(relu):
    result = invoke("conform", str(relu), "--device", "cuda")
    assert result.exit_code == 3
    assert "device is 'cuda', but NumPy has its arrays in the processor's memory: expected 'cpu'" in result.output
    relu.write_text("import time\ntime.sleep(600)\n")
    result = invoke("conform", str(relu), "--import-limit", "1.5")
    assert result.exit_code == 3
    assert "my_layers.py has been importing for 1.5 s: import less, or allow more with --import-limit" in result.output
