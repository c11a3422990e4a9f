"""The shape of a record, its goals and shares of limits; files that are no record."""

import json

import pytest

from pp_ref.bench.contest import row
from pp_ref.bench.record import OLD_KEYS, goal, inverse, met, reached, read, record, write
from pp_ref.bench.timing import Timing
from pp_ref.errors import DataError

LIMITS = [{"threads": 1, "peak_gflops": 100.0, "copy_gb_s": 10.0}]  # measured in `test_subjects`


SECONDS = [1.02, 1.0, 1.04]


def made(goals=lambda record: ()):
    rows = [row("fused", SECONDS, flops=3e9, least_bytes=5e9, times_best_peer=1.5, share_of_bound=0.1)]
    measured = [{"n": n, "threads": 1, "rows": [dict(each) for each in rows]} for n in (10, 20)]
    return record("pooling", "v U\n\nmore", Timing(3), measured, goals, limits=LIMITS, batch=7)


def test_rows_have_their_shares_of_the_limits():
    found = made()
    (limits,) = found["limits"]
    for block in found["measured"]:
        assert block["rows"][0]["share_of_peak"] == pytest.approx(3 / limits["peak_gflops"])
        assert block["rows"][0]["share_of_copy"] == pytest.approx(5 / limits["copy_gb_s"])
        assert block["rows"][0]["limit_s"] == 0.5  # its bytes take longer than its flops
        assert block["rows"][0]["ceiling"] == pytest.approx(1.5 * 1.02 / 0.5)
    assert (found["rounds"], found["timing"]) == (3, {"turn_s": 0.2, "uncounted_s": 0.05})
    expected = {"subject": "pooling", "what": "v U", "settings": {"batch": 7}, "dtype": "float32", "goals": []}
    assert found | expected == found
    assert found["machine"]["cores"] > 0


def test_goals_say_what_was_reached():
    found = made(lambda record: goal("v U", "at least", 2.0, reached(record, "fused", n=20)))
    assert found["goals"] == [{"what": "v U", "threads": 1, "sense": "at least", "goal": 2.0, "reached": 1.5}]
    assert reached(found, "fused", n=30) == reached(found, "dense") == {}


def test_an_unstable_row_has_no_share_and_counts_as_missed(monkeypatch):
    monkeypatch.setitem(globals(), "SECONDS", [1.0, 1.5, 2.0])
    found = made(lambda record: goal("v U", "at least", 1.0, reached(record, "fused", n=20)))
    assert not {"share_of_peak", "share_of_copy"} & found["measured"][0]["rows"][0].keys()
    (missed,) = found["goals"]
    assert missed["reached"] is None
    assert not met(missed)


@pytest.mark.parametrize(
    ("sense", "value", "said"),
    [("at least", 2.0, True), ("at least", 1.9, False), ("at most", 2.0, True), ("at most", 2.1, False)],
)
def test_a_goal_is_met_or_missed(sense, value, said):
    (made,) = goal("memory", sense, 2.0, {None: value})
    assert met(made) is said
    assert "threads" not in made
    assert not met(made | {"reached": float("nan")})


def test_a_goal_has_its_ceiling():
    with_one, without = goal("v U", "at least", 2.0, {1: 1.5, 2: 1.6}, {1: 3.0, 2: None})
    assert (with_one["ceiling"], "ceiling" in without) == (3.0, False)
    assert inverse({1: 2.0, 2: None}) == {1: 0.5, 2: None}


def test_a_record_comes_back(tmp_path):
    path, found = tmp_path / "record.json", made()
    write(path, found)
    assert read(path) == found
    old = {name: value for name, value in found.items() if name in OLD_KEYS}
    path.write_text(json.dumps(old))  # as 0.1.0 wrote it
    assert read(path) == old


ONE_MORE = json.dumps(dict.fromkeys([*sorted(OLD_KEYS), "more"]))


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"subject": "pooling"}', ONE_MORE])
def test_what_is_no_record_is_refused(content, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(content)
    message = r"json is not the record of a benchmark, .* \(.*\): expected what pp-ref bench wrote with --out$"
    with pytest.raises(DataError, match=message):
        read(path)


def test_a_record_without_its_parts_is_refused(tmp_path):
    write(tmp_path / "record.json", {"subject": "pooling", "dtype": "float32"})
    with pytest.raises(DataError, match="it has no machine, measured, settings"):
        read(tmp_path / "record.json")
