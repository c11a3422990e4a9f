"""Large cases: every axis takes every edge, and what has to be equal is what integers of any length give."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pp_ref.oracle import InProcess, conform
from pp_ref.oracle.algebras import rounded, tape, whole
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.operations.case import Entries
from pp_ref.oracle.operations.cases import case_of, large_cases
from pp_ref.oracle.operations.large import EDGES, axes, plans, whole_numbers
from pp_ref.oracle.operations.nested import is_number, leaves, mapped
from pp_ref.oracle.operations.table import BY_NAME, OPERATIONS
from pp_ref.oracle.operations.truth import cotangents_of, evaluated, truth
from pp_ref.oracle.verdict.judged import inputs_of, judged
from tests.oracle.operations.witnesses import WITNESSES

FLOAT32 = ARITHMETICS["float32"]
WHOLE = [operation for operation in OPERATIONS if whole_numbers(operation)]


def test_what_sums_or_moves_numbers_is_judged_in_whole_numbers():
    rounding = {"sigmoid", "softmax", "softmax_cross_entropy", "autoencoder", "local_response", "unit_columns"}
    rounding |= {"limit_column_norms", "smooth_abs", "log_cosh", "se_kernel", "matern_kernel", "covariance"}
    rounding |= {"ridge_dictionary", "mlp", "convnet", "predicted_autoencoder", "rica_ufldl", "rica_le2011"}
    rounding |= {"mel_filters", "dct", "deltas", "bigram"}
    assert {operation.name for operation in OPERATIONS} - {operation.name for operation in WHOLE} == rounding


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
@pytest.mark.parametrize("operation", WHOLE, ids=repr)
def test_every_axis_takes_every_edge(operation, seed):
    found = {axis: {plan[axis] for plan in plans(operation, seed) if axis in plan} for axis in axes(operation)}
    for axis, edges in found.items():
        longest = 512 if axes(operation)[axis] == 2 else 2048  # (d, d) of 1025 would take seconds
        assert {edge for edge in EDGES if edge < longest} <= edges, axis
    assert plans(operation, seed) == plans(operation, seed)
    assert sum(len(plan) > 1 for plan in plans(operation, seed)) > 3


def test_another_seed_puts_other_edges_together():
    assert plans(BY_NAME["dense"], 0) != plans(BY_NAME["dense"], 1)


def test_axes_are_those_of_the_shapes():
    assert axes(BY_NAME["dense"]) == {"n": 1, "d": 1, "m": 1}
    assert axes(BY_NAME["second_moment"]) == {"n": 1, "d": 2}
    assert set(axes(BY_NAME["conv2d"])) == {"n", "d", "m", "height", "width"}


@pytest.mark.parametrize("name", [operation.name for operation in WHOLE if operation.name in WITNESSES])
def test_the_values_are_those_of_python_integers(name):
    """The witness on integers of any length, or on longdouble where it divides or takes roots."""
    operation = BY_NAME[name]
    for i in range(2, min(len(plans(operation, 0)), 40), 9):
        case = case_of(f"{name}/edges {i}/float32/0")
        largest = max(np.size(leaf) for value in case.arguments.values() for leaf in leaves(value))
        if largest > 20_000 or np.prod(case.arguments.get("sizes", ())) > 400:  # of whose K a witness writes all out
            continue
        exact = (mapped(np.longdouble, value) if is_number(value) else value for value in case.arguments.values())
        wanted = [np.asarray(each) for each in leaves(WITNESSES[name](*exact))]
        found = [each for each in truth(case) if each.kind == "value"]
        for got, want in zip(found, wanted, strict=True):
            assert not got.bound.any()
            np.testing.assert_allclose(got.exact, np.asarray(want, float), rtol=2.0**-50, atol=0)


def test_gradients_are_those_of_python_integers():
    case = next(each for each in large_cases(BY_NAME["dense"], FLOAT32) if max(each.arguments["W"].shape) < 300)
    v, W, _ = (x.astype(int).astype(object) for x in case.arguments.values())
    (dy,) = (x.astype(int).astype(object) for x in cotangents_of(case))
    _, dv, dW, db = truth(case)
    for found, exact in ((dv, dy @ W.T), (dW, v.T @ dy), (db, dy.sum(axis=0))):
        np.testing.assert_array_equal(found.exact, exact.astype(float))


@pytest.mark.parametrize("name", ["float64", "float32", "tf32", "bfloat16", "float16"])
@pytest.mark.parametrize("operation", ["dense", "predicted", "conv2d", "average_pool2d", "moment_reconstruction"])
def test_nothing_rounds(operation, name):
    """By the majorants of `Rounded`, in longdouble: every partial sum is below 2^bits of the smallest step."""
    for i in (2, 9, 15):
        case = case_of(f"{operation}/edges {i}/{name}/1")
        if case.whole is None:
            assert name in ("bfloat16", "float16", "tf32")
            continue
        arithmetic = case.arithmetic
        found = evaluated(case, whole.algebra(arithmetic), cotangents_of(case)).results
        bounds = evaluated(case, rounded.algebra(ARITHMETICS["float64"]), cotangents_of(case)).results
        for label, x in found.items():
            np.testing.assert_array_equal(x.value, np.asarray(bounds[label].value, float))
            steps = x.value / 2.0**x.step
            np.testing.assert_array_equal(steps, np.rint(steps))
            assert np.max(bounds[label].majorant, initial=0) <= 2.0 ** (x.step + arithmetic.bits)


def on(arithmetic, *arrays):
    return [tape.quantity(np.array(x, float), whole.algebra(ARITHMETICS[arithmetic])) for x in arrays]


def rounds(what):
    try:
        what()
    except whole.Rounds:
        return True
    return False


def test_where_something_may_round_is_known():
    (a,) = on("bfloat16", [[255.0, 1.0]])
    one, two = on("bfloat16", [[1.0], [1.0]], [[1.0], [2.0]])
    assert not rounds(lambda: a @ one)
    assert rounds(lambda: a @ two)  # 257 has nine bits
    assert rounds(lambda: a @ -two)
    third, half = on("float32", 3.0, 2.0)
    (b,) = on("float32", [6.0, 2.0])
    assert not rounds(lambda: b / half)
    assert rounds(lambda: b / third)
    assert rounds(lambda: b * 0.1)
    assert rounds(lambda: tape.exp(b))
    (c,) = on("tf32", [[2.0**11 + 1]])
    assert rounds(lambda: c @ on("tf32", [[1.0]])[0])  # an operand of a product is rounded to 11 bits
    assert not rounds(lambda: c + 1.0)
    assert not rounds(lambda: b[:1])


def test_entries():
    rng = np.random.default_rng(0)
    drawn = Entries(3, 0.5).drawn(rng, (50, 40))
    assert set(np.unique(drawn)) == {-3, -2, -1, 0, 1, 2, 3}
    assert 0.4 < (drawn != 0).mean() < 0.6
    assert Entries(1, 2.0**-9).drawn(rng, ()) != 0


def test_a_large_case_with_roundings_has_the_value_and_the_bound_of_a_small_one():
    case = case_of("softmax_cross_entropy/plain/float32/0")
    for small, large in zip(truth(case), truth(replace(case, large=True)), strict=True):
        assert (abs(small.exact - large.exact) <= large.radius).all()
        np.testing.assert_allclose(large.bound, small.bound, rtol=2.0**-9)


# Functions that are right below some size, each of which passed when the largest axis was 69.


def dense(forward, backward=lambda dy, v, W: (dy @ W.T, v.T @ dy, dy.sum(0))):
    return {
        "dense_forward": lambda v, W, b: (forward(v, W, b), (v, W)),
        "dense_backward": lambda dy, cache: backward(dy, *cache),
    }


def right(v, W, b):
    return v @ W + b


def beyond_128(v, W, b):
    return right(v, W, b) * (2 if len(v) > 128 else 1)


def last_tile(v, W, b):
    y = right(v, W, b)
    y[32 * (len(y) // 32) :] = 0 if len(y) > 70 else y[32 * (len(y) // 32) :]
    return y


def offsets_of_16_bits(v):
    at = np.arange(v.size).astype(np.int16).astype(int)
    return v.ravel()[at % max(v.size, 1)].reshape(len(v), int(np.prod(v.shape[1:]))), v.shape


PLANTED = {
    "inner dimension cut at 128": dense(lambda v, W, b: v[:, :128] @ W[:128] + b),
    "beyond 128 rows": dense(beyond_128),
    "last tile": dense(last_tile),
    "gradient of 64 rows": dense(right, lambda dy, v, W: (dy @ W.T, v[:64].T @ dy[:64], dy.sum(0))),
    "gradient of 256 biases": dense(right, lambda dy, v, W: (dy @ W.T, v.T @ dy, dy[:256].sum(0))),
    "offsets of 16 bits": {"flatten_forward": offsets_of_16_bits, "flatten_backward": lambda dy, s: dy.reshape(s)},
}


SAID = {
    "beyond 128 rows": "; only where n is more than 128",
    "last tile": " of rows",
    "gradient of 64 rows": "; only where n is more than 64",
    "gradient of 256 biases": "; only where n is more than 256",
}


@cache
def reported(name, seed, quick=False):
    functions = PLANTED[name]
    operation = next(iter(functions)).rpartition("_")[0]
    report = conform(InProcess(functions), only=[operation], seed=seed, quick=quick)
    failed = [finding for finding in report.findings if finding.status == "failed"]
    return {finding.regime.rpartition(" ")[0] for finding in failed}, report.diagnoses[operation]


@pytest.mark.parametrize("seed", [0, pytest.param(2**63, marks=pytest.mark.torture)])
@pytest.mark.parametrize("name", PLANTED)
def test_what_is_wrong_beyond_a_size_is_reported(name, seed):
    regimes, said = reported(name, seed)
    assert "edges" in regimes <= {"edges", "partial"}
    if name in SAID:
        assert SAID[name] in said


@pytest.mark.parametrize("name", PLANTED)
def test_quickly_as_well(name):
    assert "edges" in reported(name, 0, quick=True)[0]


def test_a_right_function_conforms():
    assert conform(InProcess(dense(right)), only=["dense"], seed=5).exit_code == 0


@pytest.mark.parametrize("name", ["float64", "float32", "bfloat16", "float16"])
def test_a_large_ridge_dictionary_has_bounds(name):
    """Of a K of some hundred points, with a ridge of 1; every entry is judged."""
    found = [*large_cases(BY_NAME["ridge_dictionary"], ARITHMETICS[name])]
    assert max(len(case.arguments["K"]) for case in found) >= 99
    case = found[0]
    (expected,) = truth(case)
    assert case.arguments["ridge"] == 1.0
    assert judged(expected, inputs_of(case, [expected])).all()
