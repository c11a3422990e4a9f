"""Functions that misbehave, one habit each: every one has a clear message, and the run goes on."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from pp_ref import layers
from pp_ref.errors import DomainError
from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.candidates.behaviour import observe
from pp_ref.oracle.candidates.libraries import library
from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.verdict.findings import Status

NUMPY = library("numpy")
CASE, COLUMNS = case_of("dense/plain/float64/0"), case_of("pool/plain/float64/0")
RIGHT = {"dense_forward": layers.dense_forward, "dense_backward": layers.dense_backward}


def forward(change):
    """dense, whose y is put through a change."""

    def wrong(v, W, b):
        y, cache = layers.dense_forward(v, W, b)
        return change(y), cache

    return RIGHT | {"dense_forward": wrong}


def backward(change):
    return RIGHT | {"dense_backward": lambda dy, cache: change(*layers.dense_backward(dy, cache))}


def raising(error):
    def wrong(v, W, b):
        raise error

    return RIGHT | {"dense_forward": wrong}


def writing(v, W, b):
    v += 1
    return layers.dense_forward(v, W, b)


def writes_to_cotangent(dy, cache):
    gradients = layers.dense_backward(dy, cache)
    dy *= 2
    return gradients


def strict(y):
    np.seterr(all="raise")
    return y + 0 * np.exp(np.full(y.shape, -1e9))


def recursive(v, W, b):
    return recursive(v, W, b)


def undetermined():
    rng = np.random.default_rng(0)
    return forward(lambda y: y + 1e-15 * rng.standard_normal(y.shape))


def kept():
    """Backward reads the last call's cache."""
    last = []

    def forward(v, W, b):
        y, cache = layers.dense_forward(v, W, b)
        last[:] = [cache]
        return y, cache

    return {"dense_forward": forward, "dense_backward": lambda dy, cache: layers.dense_backward(dy, last[0])}


def accumulated():
    total = []

    def wrong(dy, cache):
        total.append(layers.dense_backward(dy, cache))
        return tuple(sum(parts) for parts in zip(*total, strict=True))

    return RIGHT | {"dense_backward": wrong}


MISBEHAVED = {
    "raises": (raising(ValueError("shapes\n  differ")), "raised ValueError at test_behaviour.py:"),
    "says where": (raising(ValueError("shapes\n  differ")), ": shapes differ"),
    "says too much": (raising(ValueError("word " * 100_000)), "word [...]"),
    "exits": (RIGHT | {"dense_forward": lambda *_: sys.exit(3)}, "raised SystemExit at test_behaviour.py:"),
    "does not end": (RIGHT | {"dense_forward": recursive}, "raised RecursionError at test_behaviour.py:"),
    "no memory": (forward(lambda y: np.zeros((2**30, 2**18))), "raised MemoryError at "),
    "of other arguments": (
        RIGHT | {"dense_forward": lambda x: x},
        ": dense_forward(x) is called with (v, W, b), by position",
    ),
    "says its arguments": (raising(ValueError("shapes differ")), "called with v (5, 7), W (7, 6), b (6,)"),
    "no function": (RIGHT | {"dense_forward": 3}, "raised TypeError at "),
    "writes to an argument": (RIGHT | {"dense_forward": writing}, "writes to its argument v"),
    "writes to the cotangent": (RIGHT | {"dense_backward": writes_to_cotangent}, "backward writes to its cotangent"),
    "None": (forward(lambda y: None), "y is a NoneType, expected an array of numpy"),
    "an integer": (forward(lambda y: 3), "y is an int, expected an array of numpy"),
    "a string": (forward(lambda y: "y"), "y is a str, expected an array of numpy"),
    "a list of rows": (
        {"dense": lambda v, W, b: list(v @ W + b)},
        "y is a list of 5 values, expected one array of numpy",
    ),
    "an empty list": ({"dense_forward": lambda *_: ([], None)}, "y is a list of 0 values, expected one array of numpy"),
    "no pair": (
        RIGHT | {"dense_forward": lambda v, W, b: v @ W + b},
        "dense_forward returns a ndarray alone, expected (y, cache)",
    ),
    "three": (RIGHT | {"dense_forward": lambda *_: (1, 2, 3)}, "dense_forward returns 3 values, expected (y, cache)"),
    "another dtype": (forward(lambda y: y.astype("f4")), "y is float32, expected float64, the dtype that came in"),
    "whole numbers": (forward(lambda y: y.astype(int)), "y is int64, expected float64"),
    "complex numbers": (forward(lambda y: y + 0j), "y is complex128, expected float64"),
    "objects": (
        forward(lambda y: y.astype(object)),
        "y is an array of objects, expected float64: were its rows of different lengths?",
    ),
    "another shape": (forward(lambda y: y[:-1]), "y has shape (4, 6), expected (5, 6)"),
    "one axis too many": (forward(lambda y: y[None]), "y has shape (1, 5, 6), expected (5, 6)"),
    "a view": ({"dense": lambda v, W, b: v[:, :6]}, "y is a view of its argument v: writing"),
    "NaN": (forward(lambda y: y * np.nan), None),
    "a gradient too few": (backward(lambda dv, dW, db: (dv, dW)), "returns 2 gradients, expected 3: of v, W, b"),
    "a gradient too many": (backward(lambda *g: (*g, g[0])), "returns 4 gradients, expected 3: of v, W, b"),
    "one gradient": (backward(lambda dv, dW, db: dv), "returns 1 gradients, expected 3: of v, W, b"),
    "no gradient": (backward(lambda *g: None), "dv is missing from what it returns"),
    "a gradient of None": (backward(lambda dv, dW, db: (dv, dW, None)), "db is a NoneType, expected an array of numpy"),
    "a gradient's shape": (backward(lambda dv, dW, db: (dv, dW, db[None])), "db has shape (1, 6), expected (6,)"),
    "other bits": (undetermined(), "y of a second run on the same arguments has other bits"),
    "state": (kept(), "dv depends on another call between forward and backward"),
    "sums that are kept": (accumulated(), "dv of a second run on the same arguments has other bits"),
    "an offset": (backward(lambda dv, dW, db: (dv, dW, db + 1)), "a cotangent of zeros gives db that is not zero"),
    "not linear": (backward(lambda dv, dW, db: (dv, dW, db**2)), "twice the cotangent does not give twice db"),
    "settings of NumPy": (forward(strict), "raised FloatingPointError at "),
    "a warning": (forward(lambda y: y + 0 * np.exp(np.array(1e9) * y.size).clip(0, 1)), "warns: overflow encountered"),
}


@pytest.mark.parametrize("habit", MISBEHAVED)
def test_a_habit_is_named_and_the_run_goes_on(habit):
    functions, message = MISBEHAVED[habit]
    report = conform(InProcess(functions), only=["dense", "relu"], quick=True)
    first = report.findings[0]
    assert first.status in (Status.failed, Status.suspicious)
    if message:
        assert any(message in said for said in first.messages), first.messages
    assert len(report.findings) > 10
    assert report.exit_code in (1, 2)


def test_what_is_right_has_no_message(capsys):
    def printing(v, W, b):
        print("hello")
        return layers.dense_forward(v, W, b)

    report = conform(InProcess(RIGHT | {"dense_forward": printing}), only=["dense"])
    assert report.exit_code == 0
    assert not any(finding.messages for finding in report.findings)
    assert "hello" in capsys.readouterr().out


def test_a_loss_may_be_a_python_float():
    case = case_of("weight_decay/plain/float64/0")
    right = layers.weight_decay_forward
    seen = observe(case, {"weight_decay_forward": lambda W, rate: float(right(W, rate)[0])}.get, NUMPY)
    assert (list(seen.results), seen.messages, seen.missing) == (["y"], [], ["weight_decay_backward"])


def test_the_plain_name_will_do_for_a_forward_pass():
    seen = observe(CASE, {"dense": lambda v, W, b: v @ W + b}.get, NUMPY)
    assert (list(seen.results), seen.messages) == (["y"], [])


def test_nothing_is_provided():
    seen = observe(CASE, {}.get, NUMPY)
    assert (seen.provided, seen.results, seen.messages) == (False, {}, [])


def test_results_of_columns_are_named():
    seen = observe(COLUMNS, vars(layers).get, NUMPY)
    assert list(seen.results) == ["y[0]", "y[1]", "y[2]", "dv"]
    assert seen.seconds > 0


def test_autodiff_needs_a_library_that_has_it():
    with pytest.raises(DomainError, match="^autodiff needs torch or jax arrays, but the candidate's are numpy's$"):
        observe(CASE, {"dense_forward": layers.dense_forward}.get, NUMPY, autodiff=True)


def test_a_wild_case_is_run_once_and_warns_of_nothing():
    calls = []

    def counted(v, W, b):
        calls.append(1)
        return np.exp(v * 1e9) @ W + b

    seen = observe(case_of("dense/NaN in v/float64/0"), {"dense": counted}.get, NUMPY)
    assert (len(calls), seen.warnings) == (1, [])


@pytest.mark.parametrize("bent", [False, True], ids=["flushed", "not linear either"])
def test_what_underflows_on_the_way_is_not_linear_and_may_be(bent):
    """dy w^T is subnormal and flushed, twice dy w^T is not, and U makes either large."""
    case = case_of("lowrank/plain/float32/0")
    arguments = case.arguments | {"U": case.arguments["U"] * 2.0**60, "w": case.arguments["w"] * 2.0**-127}
    tiny = np.float32(case.arithmetic.tiny)

    def flushing(dy, cache):
        dpooled = dy @ cache.w.T
        dpooled = np.where(abs(dpooled) < tiny, np.float32(0), dpooled)
        dw = cache.pooled.T @ dy
        return dpooled @ cache.U.T, cache.v.T @ dpooled, dw * abs(dw) if bent else dw, dy.sum(axis=0)

    functions = {"lowrank_forward": layers.lowrank_forward, "lowrank_backward": flushing}
    seen = observe(replace(case, arguments=arguments), functions.get, NUMPY)
    doubled = observe(replace(case, arguments=arguments), {**functions, "lowrank_backward": doubling}.get, NUMPY)
    assert abs(seen.results["dv"] - doubled.results["dv"] / 2).max() > 4 * case.arithmetic.tiny, "nothing underflows"
    assert seen.messages == (["twice the cotangent does not give twice dw"] if bent else [])


def doubling(dy, cache):
    return layers.lowrank_backward(2 * dy, cache)
