"""Planted slowdowns are found, noise is not, and records that do not compare are refused."""

import numpy as np
import pytest
from typer.testing import CliRunner

from pp_ref import cli
from pp_ref.bench.compare import compare
from pp_ref.bench.record import write
from pp_ref.errors import DataError

MACHINE = {"processor": "abacus", "cores": 2}


def record(rng, rounds=9, shapes=20, slower=(), factor=1.3, noise=0.05):
    """Return two contenders a shape; those in ``slower`` take ``factor`` times as long. A round in ten is disturbed."""

    def seconds(key):
        base = 1e-3 * (factor if key in slower else 1)
        disturbed = np.where(rng.random(rounds) < 0.1, 3, 1)
        return (base * np.exp(noise * rng.standard_normal(rounds)) * disturbed).tolist()

    blocks = [
        {"n": n, "threads": 1, "rows": [{"name": name, "seconds": seconds((n, name))} for name in ("dense", "fused")]}
        for n in range(shapes)
    ]
    return {"subject": "pooling", "settings": {}, "dtype": "float32", "machine": MACHINE, "measured": blocks}


@pytest.fixture
def files(tmp_path):
    def written(*records):
        paths = [tmp_path / name for name in ("old.json", "new.json")]
        for path, content in zip(paths, records, strict=True):
            path.write_text(content) if isinstance(content, str) else write(path, content)
        return paths

    return written


def run(*paths):
    return CliRunner().invoke(cli.app, ["bench", "compare", *map(str, paths)], env={"COLUMNS": "200"})


def test_planted_slowdowns_are_found(files):
    rng = np.random.default_rng(0)
    planted = {(3, "fused"), (7, "dense"), (11, "fused")}
    paths = files(record(rng, rounds=25), record(rng, rounds=25, slower=planted))
    found = compare(*paths)
    assert {(change.shape, change.name) for change in found.slower} == {
        (f"pooling, n {n}, threads 1", name) for n, name in planted
    }
    assert (found.rows, found.faster, found.unmatched, found.untold) == (40, [], 0, 0)
    result = run(*paths)
    assert result.exit_code == 1
    assert "n 7, threads 1: dense: 1.3" in result.output
    assert result.output.splitlines()[-1] == "40 rows: 3 slower, 0 faster beyond noise"
    assert {change.name for change in compare(*reversed(paths)).faster} == {"dense", "fused"}
    assert run(*reversed(paths)).exit_code == 0


def test_false_alarms_are_rarer_than_the_level(files):
    """100 pairs of records that differ by noise alone, and by as much again from process to process."""
    rng, alarms = np.random.default_rng(1), 0
    for _ in range(100):
        found = compare(*files(record(rng, noise=0.1), record(rng, noise=0.1)))
        alarms += bool(found.slower or found.faster)
    assert alarms <= 13  # 5 % of 100 is 5; more than 13 has a chance of 5e-4


def test_what_a_process_makes_of_memory_is_no_slowdown(files):
    rng = np.random.default_rng(2)
    everything = {(n, name) for n in range(20) for name in ("dense", "fused")}
    found = compare(*files(record(rng, noise=0.01), record(rng, slower=everything, factor=1.05, noise=0.01)))
    assert found.slower == []


def test_an_old_record_compares_with_a_new_one_and_the_methods_are_said(files):
    rng = np.random.default_rng(8)
    new = record(rng, rounds=25, slower={(3, "fused")}) | {"timing": {"turn_s": 0.2, "uncounted_s": 0.05}}
    for block in new["measured"]:
        block["peers"] = ["dense"]
    paths = files(record(rng, rounds=25), new)
    found = compare(*paths)
    assert [(change.shape, change.name) for change in found.slower] == [("pooling, n 3, threads 1", "fused")]
    said = "timed by turns of a single call and by turns of at least 200 ms, the first 50 ms not counted: "
    assert said in run(*paths).output
    assert compare(paths[0], paths[0]).methods == ()


def test_an_unstable_row_may_be_slower_but_has_no_ratio(files):
    old, new = record(np.random.default_rng(9)), record(np.random.default_rng(10))
    new["measured"][0]["rows"][0]["seconds"] = [5e-3, 9e-3] * 5
    (change,) = compare(*files(old, new)).slower
    assert str(change).startswith("pooling, n 0, threads 1: dense: slower, unstable, 1.0")


def test_rows_of_one_record_only_are_counted(files):
    rng = np.random.default_rng(3)
    paths = files(record(rng, shapes=3), record(rng, shapes=4))
    assert compare(*paths).unmatched == 2
    assert run(*paths).output.splitlines()[-1].endswith("; 2 rows stand on one side only")


def test_records_of_a_folder_are_pooled(tmp_path):
    """Three processes of three rounds each suffice for a verdict, one does not."""
    rng = np.random.default_rng(6)
    planted = {(3, "fused")}
    for number in range(3):
        for side, slower in (("old", ()), ("new", planted)):
            path = tmp_path / side / f"pooling-{number}.json"
            write(path, record(rng, rounds=3, slower=slower, factor=5))
    write(tmp_path / "old" / "layer.json", record(rng, shapes=1) | {"subject": "layer"})
    found = compare(tmp_path / "old", tmp_path / "new")
    assert [(change.shape, change.name) for change in found.slower] == [("pooling, n 3, threads 1", "fused")]
    assert (found.rows, found.unmatched) == (40, 2)
    with pytest.raises(DataError, match="have too few rounds"):
        compare(tmp_path / "old" / "pooling-0.json", tmp_path / "new" / "pooling-0.json")


def test_records_of_two_machines_are_not_pooled(tmp_path):
    rng = np.random.default_rng(7)
    for number in range(2):
        content = record(rng) | {"machine": MACHINE | {"cores": number}}
        write(tmp_path / f"{number}.json", content)
    said = "0.json has the machine .* but .*1.json .*: expected the same, run both on one"
    with pytest.raises(DataError, match=said):
        compare(tmp_path, tmp_path)


def test_a_folder_without_records(tmp_path):
    with pytest.raises(DataError, match="has no \\*.json: expected records"):
        compare(tmp_path, tmp_path)


def test_rows_of_few_rounds_tell_nothing(files):
    rng = np.random.default_rng(4)
    some = record(rng)
    some["measured"][0]["rows"][0]["seconds"] = [1e-3] * 2
    paths = files(some, record(rng))
    assert compare(*paths).untold == 1
    assert "; 1 rows have too few rounds to tell" in run(*paths).output
    with pytest.raises(DataError, match="have too few rounds for 40 rows: run both with more --rounds"):
        compare(*files(record(rng, rounds=3), record(rng, rounds=3)))


SOUND = record(np.random.default_rng(5))


def with_row(**row):
    return SOUND | {"measured": [{"n": 1, "threads": 1, "rows": [{"name": "dense"} | row]}]}


UNUSABLE = {
    "no JSON": ("{", "is not the record of a benchmark"),
    "a list": ("[]", "its JSON is a list, expected an object"),
    "another JSON": ("{}", "is not the record of a benchmark"),
    "no rounds": (with_row(median_s=1.0), "has rows without their turns' seconds"),
    "NaN": (with_row(seconds=[float("nan")]), "has rows without"),
    "measured is text": (SOUND | {"measured": "all"}, "has rows without their turns' seconds"),
    "other shapes": (with_row(name="other", seconds=[1.0]), "have no row in common"),
    "another benchmark": (SOUND | {"subject": "layer"}, "has the benchmark pooling but"),
    "other settings": (SOUND | {"settings": {"n": 7}}, "has the settings {} but"),
    "another dtype": (SOUND | {"dtype": "float64"}, "has the dtype float32 but"),
    "another machine": (SOUND | {"machine": MACHINE | {"cores": 3}}, f"has the machine {MACHINE} but"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_compared_is_refused(case, files):
    content, said = UNUSABLE[case]
    paths = files(SOUND, content)
    with pytest.raises(DataError) as raised:
        compare(*paths)
    assert said in str(raised.value)
    result = run(*paths)
    assert result.exit_code == 2
    assert said in result.output.replace("\n", " ")


def test_a_file_that_is_not_there(tmp_path):
    assert run(tmp_path / "old.json", tmp_path / "new.json").exit_code == 2
