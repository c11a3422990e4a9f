"""What a record looks like on a terminal."""

from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from pp_ref.bench.contest import Contender, block, choice
from pp_ref.bench.record import goal, reached, record
from pp_ref.bench.terminal import ALL_AGREE, noise, print_record
from pp_ref.bench.timing import Timing

STEADY, LOOSE = [1.0, 1.01, 1.02], [1.0, 861.9, 2000.0]


def made(ours, theirs, subject="pooling"):
    """Return a record of two contenders that take these seconds in their turns."""
    times = {"fused": iter([1.0, 1.0, *ours]), "dense": iter([1.0, 1.0, *theirs])}
    contenders = {name: Contender(each.__next__, None, 1.0, 0, 0, 1) for name, each in times.items()}
    timing = Timing(3, clock=lambda run: run()).of_single_calls()
    found = block({"n": 10, "threads": 2}, contenders, ["dense"], timing)
    found["rows"][0]["share_of_bound"] = 0.05
    found["choice"] = choice(SimpleNamespace(way=SimpleNamespace(name="fused")), found["rows"])
    settings = {"goals": speed, "limits": [{"threads": 2, "copy_gb_s": 12.0}]}
    return record(subject, "v U for images.\n\nmore", timing, [found], **settings)


def speed(found):
    return goal("speed", "at least", 2.0, reached(found, "fused"), {2: 7.5})


def printed(found, width=80):
    print_record(found, Console(file=(said := StringIO()), width=width))
    return said.getvalue()


def cells(text, name):
    return next(line.split() for line in text.splitlines() if line.strip().startswith(name))


def test_the_head_says_where_and_with_what():
    found = made(STEADY, STEADY)
    found["versions"] = {"pp_ref": "0.1.0", "numpy": "2.4.6", "torch": "2.13.0"}
    said = printed(found, width=200)
    assert "v U for images." in said
    assert found["machine"]["processor"] in said
    assert "pp_ref 0.1.0, numpy 2.4.6, torch 2.13.0" in said
    assert cells(said, "dtype") == ["dtype", "float32"]
    assert cells(said, "threads") == ["threads", "2"]
    assert cells(said, "timing") == ["timing", *["3", "turns", "of", "a", "single", "call"]]
    assert cells(said, "numpy")[-2] == "kernels"
    assert "copy 12 GB/s" in said
    assert "jax: not installed, so there is no comparison with them" in said
    assert "missing peers" not in printed(made(STEADY, STEADY, "start_up"))


def test_the_error_stands_apart_from_times_and_ratios():
    said = printed(made([2.0, 2.01, 2.02], STEADY))
    assert cells(said, "fused") == ["fused", "2010.000", "2000.000", "2020.000", "0.5x", "5%"]
    assert cells(said, "dense")[-1] == "1.0x"
    assert "its bound" in said
    assert "chosen: fused, behind dense by 99%" in said
    assert cells(said, "speed")[-3:] == ["0.502", "7.5", "missed"]
    assert ALL_AGREE in said


@pytest.mark.parametrize(("ours", "theirs", "loose"), [(LOOSE, STEADY, 1), (STEADY, LOOSE, 1), (LOOSE, LOOSE, 2)])
def test_unstable_rows_have_no_ratio(ours, theirs, loose):
    found = made(ours, theirs)
    said = printed(found)
    assert cells(said, "fused")[4] == "unstable"
    assert "chosen: fused, unstable" in said
    assert cells(said, "speed")[-3:] == ["unstable", "7.5", "missed"]
    assert "x" not in "".join(cells(said, "fused"))
    assert noise(found).startswith(f"{loose} of 2 rows are unstable: ")
    assert noise(found).endswith("Stop other programs on this machine, and give --rounds 9 or more.")


def test_no_line_is_wider_than_the_terminal():
    assert max(map(len, printed(made(STEADY, LOOSE)).splitlines())) <= 80
