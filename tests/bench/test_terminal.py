"""What a record looks like on a terminal."""

from io import StringIO

import pytest
from rich.console import Console

from pp_ref.bench.contest import row
from pp_ref.bench.record import goal, record
from pp_ref.bench.terminal import ALL_AGREE, noise, print_record

STEADY, LOOSE = [1.0, 1.01, 1.02], [1.0, 861.9, 2000.0]


def made(ours, theirs, subject="pooling"):
    median = {name: sorted(seconds)[1] for name, seconds in (("ours", ours), ("peer", theirs))}
    rows = [
        row("fused", ours, share_of_bound=0.05, times_best_peer=median["peer"] / median["ours"]),
        row("torch", theirs, times_best_peer=1.0),
    ]
    block = {"n": 10, "threads": 2, "rows": rows, "choice": {"way": "fused", "best": "torch", "behind": 0.5}}
    wanted = goal("speed", "at least", 2.0, {2: 1.5})
    settings = {"goals": lambda found: wanted, "limits": [{"threads": 2, "copy_gb_s": 12.0}]}
    return record(subject, "v U for images.\n\nmore", 3, [block], **settings)


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
    assert cells(said, "rounds") == ["rounds", "3"]
    assert "copy 12 GB/s" in said
    assert "jax: not installed, so there is no comparison with them" in said
    assert "missing peers" not in printed(made(STEADY, STEADY, "start_up"))


def test_the_error_stands_apart_from_times_and_ratios():
    said = printed(made([2.0, 2.01, 2.02], STEADY))
    assert cells(said, "fused") == ["fused", "2010.000", "2000.000", "2020.000", "0.5x", "5%"]
    assert cells(said, "torch")[-1] == "1.0x"
    assert "its bound" in said
    assert "chosen: fused, behind torch by 50%" in said
    assert cells(said, "speed")[-1] == "missed"
    assert ALL_AGREE in said


@pytest.mark.parametrize(("ours", "theirs", "loose"), [(LOOSE, STEADY, 1), (STEADY, LOOSE, 1), (LOOSE, LOOSE, 2)])
def test_unstable_rows_have_no_ratio(ours, theirs, loose):
    found = made(ours, theirs)
    said = printed(found)
    assert cells(said, "fused")[4] == "unstable"
    assert "chosen: fused, unstable" in said
    assert cells(said, "speed")[-1] == "unstable"
    assert "x" not in "".join(cells(said, "fused"))
    assert noise(found).startswith(f"{loose} of 2 rows are unstable: ")
    assert noise(found).endswith("Stop other programs on this machine, and give --rounds 9 or more.")


def test_no_line_is_wider_than_the_terminal():
    assert max(map(len, printed(made(STEADY, LOOSE)).splitlines())) <= 80
