"""New processes are timed, with the goals of three."""

import subprocess

import pytest

from pp_ref.bench import start_up


def test_start_up(monkeypatch):
    short = {name: ["-c", "pass"] for name in ("python -c pass", "numba, one line", "pool")}
    monkeypatch.setattr(start_up, "COMMANDS", short)
    record = start_up.measure(2)
    rows = {row["name"]: row for block in record["measured"] for row in block["rows"]}
    assert list(rows) == [*short, "pool, compiled"]
    assert [(goal["what"], goal["goal"]) for goal in record["goals"]] == [("pool, s", 0.5), ("pool, compiled, s", 10.0)]
    assert start_up.table(record).count("\n") == 5
    assert f"takes a new process {rows['pool']['median_s']:.2f} s (goal 0.5 s; " in start_up.said(record)


def test_a_process_that_fails_is_not_timed(monkeypatch):
    monkeypatch.setattr(start_up, "COMMANDS", {"pool": ["-c", "raise SystemExit(3)"]})
    with pytest.raises(subprocess.CalledProcessError):
        start_up.measure(1)
