"""Rates in the user's cache: used if they are valid and this machine's, else the defaults, with one warning."""

import json
import subprocess
import sys

import pytest

from pp_ref.errors import DataError
from pp_ref.kernels import rates
from pp_ref.kernels.choose import choose
from pp_ref.kernels.rates import default_rates, known_rates, machine_key, rates_file, read_rates, write_rates
from pp_ref.kernels.ways import LAYER
from tests.kernels.test_work import mnist
from tests.robustness.faults import no_home

DEFAULT = default_rates()
MEASURED = DEFAULT._replace(flop=3e-11, call=0.0)
FASTER = MEASURED._replace(flop=2e-11)


@pytest.fixture
def path(monkeypatch, tmp_path):
    """The rates file of an empty cache, read again by each call."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(rates, "_measured", rates._measured.__wrapped__)
    monkeypatch.setattr("pp_ref.kernels.choose.known_rates", known_rates)
    return rates_file()


def test_rates_come_back_and_the_plan_says_so(path):
    assert known_rates(1) == (DEFAULT, "default")
    assert known_rates(2) == (default_rates(2), "default")
    write_rates(path, {1: MEASURED, 4: FASTER})
    assert read_rates(path) == {1: MEASURED, 4: FASTER}
    assert [known_rates(threads) for threads in (1, 3, 4, 9)] == [
        (each, "calibrated") for each in (MEASURED, MEASURED, FASTER, FASTER)
    ]
    problem = mnist(10)
    for threads, each in ((1, MEASURED), (4, FASTER)):
        plan = choose(LAYER, problem, threads=threads)
        assert str(plan).endswith(f"(calibrated rates, {threads} thread{'s' * (threads > 1)})")
        assert plan.seconds == choose(LAYER, problem, each).seconds
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
    "empty": (b"", "Expecting value"),
    "torn": (b'{"machine": {', "is not the rates of a machine, or it is damaged"),
    "not text": (b"\xff\xfe\x00", "is not the rates of a machine"),
    "nested": (b"[" * 100_000, "is not the rates of a machine"),
    "threads without a number": ({"seconds": {"two": SOUND}}, "expected some for each number of threads"),
    "no threads": ({"seconds": {}}, "expected some for each number of threads"),
    "a list": ([1, 2], "its JSON is a list, expected an object"),
    "seconds alone": ({"seconds": SOUND}, "it holds seconds, no format"),
    "another machine": (
        {"machine": {"processor": "abacus"}, "seconds": SOUND},
        "holds the rates of {'processor': 'abacus'}",
    ),
    "one missing": ({"seconds": {"1": {"flop": 1e-11}}}, "expected one for each of flop, pack, tap"),
    "one more": ({"seconds": {"1": SOUND | {"narrow": 16.0}}}, "expected one for each of flop, pack, tap"),
    "NaN": (
        {"seconds": {"1": SOUND | {"tap": float("nan")}}},
        "has tap = nan, expected seconds, at least 0 and less than 1",
    ),
    "negative": ({"seconds": {"1": SOUND | {"flop": -1e-11}}}, "has flop = -1e-11, expected seconds"),
    "infinite": ({"seconds": {"1": SOUND | {"flop": float("inf")}}}, "has flop = inf, expected seconds"),
    "huge": ({"seconds": {"1": SOUND | {"flop": 10**400}}}, "expected seconds, at least 0"),
    "true": ({"seconds": {"1": SOUND | {"flop": True}}}, "has flop = True, expected seconds"),
    "text": ({"seconds": {"1": SOUND | {"flop": "1e-11"}}}, "has flop = '1e-11', expected seconds"),
    "all free": ({"seconds": {"1": dict.fromkeys(SOUND, 0.0)}}, "has only rates of 0"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_no_good_gives_the_defaults_and_one_warning(case, path):
    content, said = BROKEN[case]
    if isinstance(content, dict) and case not in ("seconds alone", "another machine"):
        content = {"machine": machine_key()} | content
    path.parent.mkdir(parents=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(DataError, match="run pp-ref bench calibrate, which writes it anew$") as raised:
        read_rates(path)
    assert str(raised.value).startswith(str(path))
    assert said in str(raised.value)
    with pytest.warns(RuntimeWarning, match="^the default rates are used: ") as warned:
        assert known_rates(1) == (DEFAULT, "default")
    assert len(warned) == 1


def test_a_folder_in_its_place_is_warned_of(path):
    path.mkdir(parents=True)
    with pytest.warns(RuntimeWarning, match=r"cannot be read \(it is a folder\): expected the rates of a machine"):
        assert known_rates(1) == (DEFAULT, "default")


def test_without_a_home_the_defaults_are_used(path):
    with (
        no_home(known=False),
        pytest.warns(RuntimeWarning, match="^the default rates are used: no home folder is known"),
    ):
        assert known_rates(1) == (DEFAULT, "default")


def test_the_defaults_are_sound():
    assert all(0 < rate < 1 for threads in (1, 2, 64) for rate in default_rates(threads))


def test_the_choice_loads_neither_numba_nor_the_benchmark():
    heavy = ("numba", "torch", "jax", "pooch", "matplotlib")
    code = f"import sys, pp_ref.kernels.choose; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("case", [case for case in BROKEN if isinstance(BROKEN[case][0], dict)])
def test_an_envelope_makes_no_rates_of_what_is_none(case, path):
    """What 0.1.0 could have written is refused for the same reasons with a checksum that is right."""
    content, said = BROKEN[case]
    if case not in ("seconds alone", "another machine"):
        content = {"machine": machine_key()} | content
    rates.RATES.write_json(path, content)
    with pytest.raises(DataError, match="run pp-ref bench calibrate, which writes it anew$") as raised:
        read_rates(path)
    assert ("expected machine and seconds" if case == "seconds alone" else said) in str(raised.value)


def test_a_changed_rate_is_noticed(path):
    write_rates(path, {1: MEASURED})
    path.write_text(path.read_text().replace("3e-11", "2e-11"))
    with pytest.raises(DataError, match="its content does not have its checksum"):
        read_rates(path)
