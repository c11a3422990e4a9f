"""Rates in the user's cache: taken where they are this machine's and sound, else the defaults, with one warning."""

import json
import subprocess
import sys

import numpy as np
import pytest

from pp_ref.errors import DataError
from pp_ref.kernels import rates
from pp_ref.kernels.plan import plan_layer
from pp_ref.kernels.rates import DEFAULT, Rates, known_rates, machine_key, rates_file, read_rates, write_rates

MEASURED = DEFAULT._replace(flop=3e-11, call=0.0)


@pytest.fixture
def path(monkeypatch, tmp_path):
    """Of an empty cache, read anew by each call."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(rates, "known_rates", known_rates.__wrapped__)
    monkeypatch.setattr("pp_ref.kernels.plan.known_rates", known_rates.__wrapped__)
    return rates_file()


def test_rates_come_back_and_the_plan_says_so(path):
    assert known_rates.__wrapped__() == (DEFAULT, "default")
    write_rates(path, MEASURED)
    assert read_rates(path) == MEASURED
    assert known_rates.__wrapped__() == (MEASURED, "calibrated")
    plan = plan_layer(10, 64, [(8, 5)], np.float32)
    assert str(plan).endswith("(calibrated rates)")
    assert plan.seconds == plan_layer(10, 64, [(8, 5)], np.float32, rates=MEASURED).seconds
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_is_named_by_its_machine(path, monkeypatch):
    monkeypatch.setattr(rates, "machine_key", lambda: machine_key() | {"cores": 1000})
    assert rates_file().parent == path.parent
    assert rates_file() != path


def test_the_machine_is_not_the_number_of_threads():
    assert machine_key().keys() == {"processor", "cores", "system", "blas", "numpy", "numba"}
    assert machine_key()["blas"].keys() == {"library", "version", "kernels"}


SOUND = DEFAULT._asdict()
BROKEN = {
    "empty": (b"", "is no JSON record of rates"),
    "torn": (b'{"machine": {', "is no JSON record of rates"),
    "not text": (b"\xff\xfe\x00", "is no JSON record of rates"),
    "nested": (b"[" * 100_000, "is no JSON record of rates"),
    "a list": ([1, 2], "holds no rates, expected machine and seconds"),
    "seconds alone": ({"seconds": SOUND}, "holds no rates, expected machine and seconds"),
    "another machine": (
        {"machine": {"processor": "abacus"}, "seconds": SOUND},
        "holds the rates of {'processor': 'abacus'}",
    ),
    "one missing": ({"seconds": {"flop": 1e-11}}, "expected one for each of flop, pack, tap"),
    "one more": ({"seconds": SOUND | {"narrow": 16.0}}, "expected one for each of flop, pack, tap"),
    "NaN": ({"seconds": SOUND | {"tap": float("nan")}}, "has tap = nan, expected seconds, at least 0 and less than 1"),
    "negative": ({"seconds": SOUND | {"flop": -1e-11}}, "has flop = -1e-11, expected seconds"),
    "infinite": ({"seconds": SOUND | {"flop": float("inf")}}, "has flop = inf, expected seconds"),
    "huge": ({"seconds": SOUND | {"flop": 10**400}}, "expected seconds, at least 0"),
    "true": ({"seconds": SOUND | {"flop": True}}, "has flop = True, expected seconds"),
    "text": ({"seconds": SOUND | {"flop": "1e-11"}}, "has flop = '1e-11', expected seconds"),
    "all free": ({"seconds": dict.fromkeys(SOUND, 0.0)}, "has only rates of 0"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_no_good_gives_the_defaults_and_one_warning(case, path):
    content, said = BROKEN[case]
    if isinstance(content, dict) and case not in ("seconds alone", "another machine"):
        content = {"machine": machine_key()} | content
    path.parent.mkdir(parents=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(DataError, match="delete it, or run pp-ref bench calibrate") as raised:
        read_rates(path)
    assert str(raised.value).startswith(str(path))
    assert said in str(raised.value)
    with pytest.warns(RuntimeWarning, match="^the plan takes its default rates: ") as warned:
        assert known_rates.__wrapped__() == (DEFAULT, "default")
    assert len(warned) == 1


def test_a_folder_in_its_place_is_warned_of(path):
    path.mkdir(parents=True)
    with pytest.warns(RuntimeWarning, match="is no JSON record of rates .*Is a directory"):
        assert known_rates.__wrapped__() == (DEFAULT, "default")


def test_the_defaults_are_sound():
    assert all(0 < rate < 1 for rate in Rates())


def test_the_plan_loads_neither_numba_nor_the_benchmark():
    heavy = ("numba", "torch", "jax", "pooch", "matplotlib")
    code = f"import sys, pp_ref.kernels.plan; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
