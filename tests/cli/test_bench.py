"""`pp-ref bench`: a command for each subject, its record, and all of them in a folder."""

import json
import subprocess

import pytest
from typer.testing import CliRunner

from pp_ref import cli
from pp_ref.bench.subjects import SUBJECTS


def invoke(*arguments):
    return CliRunner().invoke(cli.app, ["bench", *arguments], env={"COLUMNS": "200", "TERM": "dumb"})


def test_help_has_every_subject():
    result = invoke("--help")
    assert result.exit_code == 0
    for subject in SUBJECTS.values():
        assert f" {subject.name} " in result.output
        assert subject.about.split()[0] in result.output
    for command in ("all", "compare", "calibrate"):
        assert f" {command} " in result.output


@pytest.mark.parametrize("name", ["pooling", "layer", "plan", "conv"])
def test_a_record_is_written_and_said(name, tmp_path):
    out = tmp_path / "record.json"
    result = invoke(name, "--small", "--rounds", "1", "--out", str(out))
    assert result.exit_code == 0, result.output
    record = json.loads(out.read_text())
    assert record["subject"] == name
    assert record["versions"]["numpy"]
    assert record["limits"][0].keys() == {"threads", "peak_gflops", "copy_gb_s"}
    for block in record["measured"]:
        for row in block["rows"]:
            assert 0 <= row["share_of_bound"] <= 1
            assert 0 < row["min_s"] <= row["median_s"] <= row["max_s"]
            assert f"  {row['name']} " in result.output
    assert out.with_name("record-roofline.svg").exists() == (name in ("pooling", "layer"))


def test_all_go_on_where_one_is_left_out(monkeypatch, tmp_path):
    commands = []

    def run(command, **more):
        commands.append(command)
        failed = "rica" in command
        said = "pp-ref: torch is not installed, but this function needs it\n" if failed else ""
        return subprocess.CompletedProcess(command, int(failed), stderr=said)

    monkeypatch.setattr(subprocess, "run", run)
    result = invoke("all", "--small", "--rounds", "2", "--out", str(tmp_path))
    assert [command[4] for command in commands] == list(SUBJECTS)
    assert commands[0][5:] == ["--small", "--rounds=2", f"--out={tmp_path / 'pooling'}.json"]
    assert result.exit_code == 1
    assert result.output == "rica was left out: pp-ref: torch is not installed, but this function needs it\n"
