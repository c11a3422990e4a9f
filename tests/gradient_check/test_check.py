"""Right gradients pass, wrong ones do not, and what cannot be decided is said to be so."""

import json
import math
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pp_ref.errors import DomainError, ShapeError
from pp_ref.gradient_check.words import digits
from pp_ref.oracle import check_gradient
from tests.gradient_check.gradients import LARGE, RIGHT, WRONG, quadratic, real_only, rica, sigmoid_layer

ROOT = Path(__file__).resolve().parents[2]
X = np.random.default_rng(3).standard_normal(10)
# benchmarks/gradient_check.py has the others. Of two seeds in a row one gives g as a function, the other as an array.
SEEDS = pytest.mark.parametrize(
    "seeds",
    [pytest.param(range(200, 202), id="some"), pytest.param(range(202, 208), id="more", marks=pytest.mark.torture)],
)


def steps(problem, allowed):
    return problem if allowed == "complex" else real_only(problem)


@SEEDS
@pytest.mark.parametrize("allowed", ["complex", "real"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_are_right(name, dtype, allowed, seeds):
    for seed in seeds:
        f, g, x = steps(RIGHT[name](np.random.default_rng(seed), dtype), allowed)
        found = check_gradient(f, g if seed % 2 else g(x), x, np.random.default_rng(seed))
        assert found.verdict == "right", f"seed {seed}: {found}"
        assert found.method == ("complex step" if allowed == "complex" and name != "constant" else "Taylor remainder")
        if name in ("quadratic", "linear", "constant"):
            assert math.isnan(found.order)
        elif dtype is np.float64:
            assert abs(found.order - 3) < 0.1


def test_roundings_that_are_the_same_everywhere_near_x_are_no_error():
    f, g, x = sigmoid_layer(np.random.default_rng(1052), np.float64)  # entry (3, 0) is two roundings off
    assert check_gradient(f, g(x), x, np.random.default_rng(1052)).verdict == "right"


@SEEDS
@pytest.mark.parametrize("allowed", ["complex", "real"])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_are_wrong(name, allowed, seeds):
    for seed in seeds:
        found = check_gradient(*steps(WRONG[name](np.random.default_rng(seed), np.float64), allowed))
        assert found.verdict == "wrong", f"seed {seed}: {found}"
        assert found.wrong_entries


def test_one_of_100000_entries_is_found():
    (make,) = LARGE.values()
    problem = make(np.random.default_rng(0), np.float64)
    right = sigmoid_layer(np.random.default_rng(0), np.float64, d=500, m=200, n=4)
    calls = []
    found = check_gradient(lambda W: calls.append(0) or problem.f(W), problem.g, problem.x)
    (entry,) = found.wrong_entries
    (index,) = np.argwhere(problem.g(problem.x) != right.g(right.x))
    assert entry.index == tuple(index)
    assert abs(entry.measured - right.g(right.x)[entry.index]) <= entry.uncertainty < 1e-9
    assert entry.claimed == problem.g(problem.x)[entry.index]
    assert len(calls) < 1000 + 32 * 2 * math.log2(1e5)


def test_a_wrong_entry_is_found_by_halves_without_complex_steps():
    f, g, x = real_only(sigmoid_layer(np.random.default_rng(0), np.float64, d=64, m=32))
    off = g(x)
    off[40, 7] += 1e-6
    (entry,) = check_gradient(f, off, x).wrong_entries
    assert entry.index == (40, 7)
    assert entry.claimed - entry.measured == pytest.approx(1e-6, abs=entry.uncertainty)


@pytest.mark.parametrize("value", [0.0, 1.0, 1e100])
def test_a_constant_has_no_slope(value):
    assert check_gradient(lambda x: value, np.zeros_like, X).verdict == "right"
    found = check_gradient(lambda x: value, lambda x: np.full_like(x, max(value, 1.0)), X)
    assert len(found.wrong_entries) == 10


def test_f_may_not_be_finite_far_away():
    assert check_gradient(lambda x: np.log(x - 1).sum(), lambda x: 1 / (x - 1), 1.01 + X**2).verdict == "right"
    assert (
        check_gradient(lambda x: float(np.exp(300 * x).sum()), lambda x: 300 * np.exp(300 * x), X / 4).verdict
        == "right"
    )


def test_longdouble_sees_more():
    f, g, x = real_only(sigmoid_layer(np.random.default_rng(0), np.longdouble))
    assert check_gradient(f, g, x).verdict == "right"
    assert check_gradient(f, lambda x: g(x) * (1 + 1e-13), x).verdict == "wrong"
    f, g, x = real_only(sigmoid_layer(np.random.default_rng(0), np.float64))
    assert check_gradient(f, lambda x: g(x) * (1 + 1e-13), x).verdict == "right"


def test_the_verdict_reads_as_a_sentence():
    f, g, x = RIGHT["sigmoid layer"](np.random.default_rng(0), np.float64)
    assert str(check_gradient(f, g, x)).startswith(
        "right: along 3 random directions the central remainder falls with order 3.00 ± 0.00, and complex steps agree "
        "with g; an entry off by more than "
    )
    found = check_gradient(f, lambda x: 2 * g(x), x)
    assert str(found).startswith("wrong: along a random unit direction the slope of f is ")
    assert str(found).endswith("; and 13 more.")
    assert abs(found.order - 1) < 0.1


def test_every_kind_of_tree():
    def f(v, W):
        return np.tanh(v @ W).sum()

    def g(v, W):
        dz = 1 - np.tanh(v @ W) ** 2
        return dz @ W.T, v.T @ dz

    rng = np.random.default_rng(0)
    v, W = rng.standard_normal((3, 4)), rng.standard_normal((4, 2)).astype(np.float32)
    assert check_gradient(lambda x: f(*x), lambda x: g(*x), (v, W)).verdict == "right"
    assert check_gradient(lambda x: f(*x), lambda x: list(g(*x)), [v, W]).verdict == "right"
    given = {"v": v, "W": W}
    right = {"W": g(v, W)[1], "v": g(v, W)[0]}  # in another order
    assert check_gradient(lambda x: f(**x), right, given).verdict == "right"
    right["v"][2, 1] += 0.01
    (entry,) = check_gradient(lambda x: f(**x), right, given).wrong_entries
    assert entry.index == ("v", 2, 1)
    assert entry.claimed - entry.measured == pytest.approx(0.01, abs=entry.uncertainty)
    assert check_gradient(lambda x: x**3, lambda x: 3 * x**2, 2.0).verdict == "right"


# A complex step is not trusted where it is not valid.


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (np.real(x) ** 4).sum() + 0j,
        lambda x: float((x.astype(float) ** 4).sum()),
        lambda x: (np.abs(x) ** 4).sum() + 0j if np.iscomplexobj(x) else (x**4).sum(),
        lambda x: (x.conj() ** 4).sum(),
        lambda x: complex(np.nan) if np.iscomplexobj(x) else (x**4).sum(),
    ],
    ids=["real part", "cast", "absolute value", "conjugate", "NaN"],
)
def test_an_invalid_complex_step_is_noticed(f):
    real = real_only(quadratic(np.random.default_rng(0), float))._replace(
        f=lambda x: f(x) if x.dtype.kind == "c" else f(x).real
    )
    for g, verdict in ((lambda x: 4 * x**3, "right"), (np.zeros_like, "wrong")):
        found = check_gradient(real.f, g, X)
        assert (found.verdict, found.method) == (verdict, "Taylor remainder")


def test_a_dropped_imaginary_part_is_noticed_where_the_gradient_is_zero():
    found = check_gradient(lambda x: 1 + (x.real**2).sum() + (0j if np.iscomplexobj(x) else 0), 1e-18 * X, 0 * X)
    assert (found.verdict, found.method) == ("undecided", "Taylor remainder")  # an error of that size would not show


# What cannot be decided.

BENT = np.where(np.arange(10) == 3, 0, X)  # of |x| and of max(x, 0)


def test_a_kink_is_recognised_with_its_subgradients():
    found = check_gradient(lambda x: np.abs(x).sum(), np.sign, BENT)
    assert found.verdict == "undecided"
    assert found.reason.startswith(
        "f has a kink at x: along entry [3] its one-sided slopes are -1 and 1, and g says 0; a subgradient may"
    )


def test_beside_a_kink_other_entries_are_still_judged():
    found = check_gradient(lambda x: np.abs(x).sum(), lambda x: np.sign(x) + 0.01 * (np.arange(10) == 5), BENT)
    assert found.verdict == "wrong"
    assert [entry.index for entry in found.wrong_entries] == [(5,)]


def test_outside_a_kinks_subgradients_is_wrong():
    found = check_gradient(lambda x: np.maximum(x, 0).sum(), lambda x: (x > 0) + 5.0 * (np.arange(10) == 3), BENT)
    (entry,) = found.wrong_entries
    assert (found.verdict, entry.index, entry.claimed) == ("wrong", (3,), 5)
    assert entry.measured == pytest.approx(0.5)
    assert entry.uncertainty == pytest.approx(0.5)


def test_a_kink_among_many_entries_is_recognised():
    x = np.random.default_rng(0).standard_normal(1000)
    x[:3] = 0
    found = check_gradient(lambda x: np.abs(x).sum(), np.sign, x)
    assert found.verdict == "undecided"
    assert found.reason.startswith("f has a kink at x: along a random direction its one-sided slopes are ")


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (np.sign(x) * np.abs(x) ** 1.5).sum(),
        lambda x: np.sqrt(np.abs(x)).sum(),
        lambda x: np.where(x > 0, 1.0, 0.0).sum(),
    ],
    ids=["3/2", "root", "step"],
)
def test_what_is_no_kink_and_not_smooth_is_not_judged(f):
    found = check_gradient(f, np.zeros_like, np.zeros(10))
    assert found.verdict == "undecided"
    assert found.reason.startswith("f is not smooth near x: ")


def test_noise_is_judged_by_its_size():
    g = lambda x: 3 * x**2  # noqa: E731
    rounded = lambda digits: lambda x: round(float((x**3).sum()), digits)  # noqa: E731
    assert check_gradient(rounded(4), g, X).verdict == "right"
    assert check_gradient(rounded(4), lambda x: 1.01 * g(x), X).verdict == "wrong"
    found = check_gradient(rounded(-1), g, X)
    assert found.verdict == "undecided"
    assert "which hides errors of an entry of g up to" in found.reason


def test_single_precision_inside_is_noise():
    f = lambda x: float((x.astype(np.float32) ** 3).sum())  # noqa: E731
    assert check_gradient(f, lambda x: 3 * x**2, X).verdict == "right"
    assert check_gradient(f, lambda x: 3.01 * x**2, X).verdict == "wrong"


def test_a_function_that_is_not_deterministic_is_not_judged():
    rng = np.random.default_rng(0)
    found = check_gradient(lambda x: x.sum() + rng.random(), np.ones_like, X)
    assert (found.verdict, found.method) == ("undecided", "none")
    assert found.reason.startswith("f is not deterministic, it gave ")


def test_an_empty_x_is_not_judged():
    found = check_gradient(np.sum, np.ones_like, np.zeros((0, 3)))
    assert str(found) == "undecided: x has no entries, so nothing was checked."


def test_nan_in_g_is_wrong():
    found = check_gradient(np.sum, np.where(np.arange(10) == 4, np.nan, 1), X)
    assert str(found) == "wrong: 1 of 10 entries of g are NaN. Entry [4] is nan, measured nan ± nan."


def test_a_wrong_objective_with_its_own_gradient_passes():
    """Nothing here knows what f was meant to be."""
    assert check_gradient(*rica(np.random.default_rng(0), float, trade_off=-0.1)).verdict == "right"


# Bad input.


def writes(x):
    x *= 2
    return x.sum()


@pytest.mark.parametrize(
    ("f", "g", "x", "error", "message"),
    [
        (lambda x: x, X, X, ShapeError, r"f(x) has shape (10,), expected a scalar: take its sum or its mean"),
        (
            lambda x: 1j * x.sum(),
            X,
            X,
            DomainError,
            "complex128, expected a real, finite number: choose another f or x",
        ),
        (lambda x: np.nan, X, X, DomainError, "f(x) is nan of dtype float64, expected a real, finite number"),
        (lambda x: None, X, X, DomainError, "f(x) is None of dtype object, expected a real, finite number"),
        (np.sum, X, X + 1j, DomainError, "x has dtype complex128, expected float32, float64 or longdouble: convert"),
        (np.sum, {"a": X}, {"a": np.arange(3)}, DomainError, "x['a'] has dtype int64, expected float32, float64 or"),
        (np.sum, X, np.where(X > 0, np.nan, X), DomainError, "x has 3 entries that are NaN or infinite, first at (0,)"),
        (np.sum, X.reshape(2, 5), X, ShapeError, "g has shape (2, 5), but x has (10,): expected the same"),
        (
            np.sum,
            X,
            np.ma.array(X),
            DomainError,
            "x is a MaskedArray of float64, shape (10,), expected an array of numbers",
        ),
        (np.sum, [np.ma.array(X)], [X], DomainError, "g[0] is a MaskedArray of float64"),
        (np.sum, 1j * X, X, DomainError, "g has dtype complex128, expected real numbers"),
        (lambda x: x["W"].sum(), {"b": X}, {"W": X}, ShapeError, "g consists of g['b'], x of x['W']: expected one"),
        (writes, X, X, DomainError, "f writes to x, expected it to leave its argument as it is: let it copy x first"),
        (np.sum, writes, X, DomainError, "g writes to x, expected it to leave its argument as it is"),
    ],
)
def test_bad_input(f, g, x, error, message):
    with pytest.raises(error) as caught:
        check_gradient(f, g, x)
    assert message in str(caught.value)


def test_x_is_left_as_it_is():
    x = X.copy()
    with pytest.raises(DomainError, match="f writes to x"):
        check_gradient(writes, X, x)
    np.testing.assert_array_equal(x, X)


# The page.


def test_the_record_has_no_miss():
    record = json.loads((ROOT / "benchmarks" / "gradient_check.json").read_text())
    for row in record["rows"]:  # in float64 no miss; no false alarm, but for the one that the page speaks of
        others = {verdict: count for verdict, count in row["verdicts"].items() if verdict != row["gradient"]}
        if (row["name"], row["gradient"], row["dtype"]) == ("RICA", "right", "float32"):
            assert others in ({}, {"wrong": 1})
        elif (row["gradient"], row["dtype"]) != ("wrong", "float32"):
            assert not others


def test_the_pages_example_runs(capsys):
    example, *_ = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "gradient_check.md").read_text(), re.DOTALL)
    exec(compile(example, "gradient_check.md", "exec"), {})
    said = re.findall(r"# (wrong: .*)", example)[0]
    assert re.fullmatch(".*".join(map(re.escape, said.split("..."))), capsys.readouterr().out.strip())


def test_importing_the_oracle_is_cheap():
    code = "import sys, pp_ref.oracle; print(*sorted({'scipy', 'numba', 'matplotlib', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_digits_follow_the_uncertainty():
    """Two numbers that differ are not written alike."""
    x = np.linspace(0.5, 1.5, 5)
    said = str(check_gradient(lambda x: np.sum(x**3), lambda x: 3 * x**2 * (1 + 1e-7), x))
    f_says, g_says = re.search(r"the slope of f is (\S+) ± \S+, g says (\S+?)\.? ", said).groups()
    assert f_says != g_says
    assert digits(1.0, 1.0, 0.1) == ("1", "1")
    assert digits(1.0983, 1.09830001, 1.0) == ("1.0983", "1.09830001")
    assert digits(np.nan, 1.0, np.nan) == ("nan", "1")


def test_what_would_not_have_shown_is_not_called_right():
    """One entry of 10,000 in float32 beside a large sum."""

    def f(x):
        return np.float32(1e4) + np.sum(np.float32(1e-3) * x.real, dtype=np.float32)

    found = check_gradient(f, lambda x: np.full_like(x, 1e-3), np.ones(2000, np.float32))
    assert found.verdict == "undecided", found


def test_an_overflow_is_called_one():
    found = check_gradient(lambda x: np.sum(x), lambda x: np.full_like(x, np.inf), np.ones(3))
    assert found.reason == "3 of 3 entries of g are infinite, which is an overflow"
    with pytest.raises(DomainError, match=r"f\(x\) is inf of dtype float64 \(an overflow\)"):
        check_gradient(lambda x: np.sum(x) * np.inf, np.ones(3), np.ones(3))
    found = check_gradient(lambda x: np.where((x <= 1).all(), np.sum(x.real), np.inf), np.ones(3), np.ones(3))
    assert (found.verdict, found.reason.startswith("f overflows near x")) == ("undecided", True), found


def test_noise_that_begins_later_is_met():
    """Beyond a small step f is computed in float32."""

    def f(x):
        y = np.sum(np.sin(x.real))
        return y if np.max(abs(x.real - 1)) < 1e-6 else np.float64(np.float32(y))

    assert check_gradient(f, np.cos, np.ones(20)).verdict in ("right", "undecided")


def test_the_time_limit_ends_it(capsys):
    def slow(x):
        time.sleep(0.01)
        return np.sum(x.real)

    found = check_gradient(slow, np.ones_like, np.ones(3), time_limit=0.1, progress=True)
    assert found.verdict == "undecided"
    assert found.reason.startswith("the time limit of 0.1 s was reached after ")
    assert capsys.readouterr().out == ""
    with pytest.raises(DomainError, match="time_limit is 0, expected seconds"):
        check_gradient(slow, np.ones_like, np.ones(3), time_limit=0)


@pytest.mark.parametrize("real", [False, True])
def test_one_wrong_entry_of_many_takes_few_calls(real):
    """Halves are told by a few values each: a thousand times as many entries are 160 calls more, or 40."""
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return np.sum(np.sin(x.real if real else x))

    x = np.random.default_rng(0).standard_normal(10**4)
    g = np.cos(x) * np.where(np.arange(10**4) == 1234, 1.5, 1.0)
    assert [each.index for each in check_gradient(f, g, x).wrong_entries] == [(1234,)]
    assert calls < 1500


@pytest.mark.torture
@pytest.mark.parametrize("real", [False, True])
def test_one_wrong_entry_of_a_million_is_found_within_a_minute(real):
    x = np.random.default_rng(0).standard_normal(10**6)

    def g(x):
        gradient = np.cos(x)
        gradient[123_456] *= 1.5
        return gradient

    began = time.monotonic()
    found = check_gradient(lambda x: np.sum(np.sin(x.real if real else x)), g, x)
    assert found.verdict == "wrong"
    assert [each.index for each in found.wrong_entries] == [(123_456,)]
    assert time.monotonic() - began < 60
