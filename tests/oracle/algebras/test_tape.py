"""Gradients by the chain rule: of every primitive by a complex step, of every definition by that and by the layers."""

from dataclasses import replace

import numpy as np
import pytest

from pp_ref.oracle.algebras import plain, rounded, tape
from pp_ref.oracle.algebras.arithmetic import ARITHMETICS
from pp_ref.oracle.candidates import own
from pp_ref.oracle.operations.cases import case_of, cases
from pp_ref.oracle.operations.nested import is_number, leaves, mapped
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.operations.truth import cotangents_of, evaluated

STEP = 2.0**-100  # its square is lost: no truncation
FLOAT32 = rounded.algebra(ARITHMETICS["float32"])


# Definitions on complex numbers: comparisons see the real part.
COMPLEX = replace(
    plain.ALGEBRA,
    lifted=lambda x: np.asarray(x, complex),
    compared=np.real,
    scattered=lambda x, at, size: np.eye(size)[:, at] @ x,
    solved=np.linalg.solve,
)


def close(got, want, size):
    """Within 2^-40 of the largest number: both are right to some 2^-50."""
    np.testing.assert_array_less(abs(np.asarray(got, float) - want), 2.0**-40 * (size + 1))


def check(function, *arrays):
    """<dy, J dx> by a complex step is <g, dx>, for every input alone."""
    rng = np.random.default_rng(0)
    inputs = [tape.quantity(x, plain.ALGEBRA) for x in arrays]
    y = function(*inputs)
    dy = rng.standard_normal(y.shape)
    gradients = tape.gradients([y], [dy.astype(np.longdouble)], inputs)
    for i, (x, g) in enumerate(zip(arrays, gradients, strict=True)):
        assert g.shape == np.shape(x)
        dx = rng.standard_normal(np.shape(x))
        moved = [tape.quantity(a + 1j * STEP * dx if i == j else a, COMPLEX) for j, a in enumerate(arrays)]
        along = np.sum(dy * np.imag(function(*moved).data)) / STEP
        close(np.sum(g * dx), along, np.sum(abs(dy)) * np.max(abs(g), initial=0))


A, B, C = (np.random.default_rng(seed).uniform(0.5, 2, shape) for seed, shape in enumerate([(3, 4), (4, 2), (3, 4)]))
ROW, COLUMN, ONE = A[0], A[:, :1], np.array(1.5)
PRIMITIVES = {
    "add": (lambda a, c: a + c, A, C),
    "add, broadcast along rows": (lambda a, r: r + a, A, ROW),
    "multiply, broadcast along columns": (lambda a, c: a * c, A, COLUMN),
    "multiply, a number": (lambda a, s: a * s, A, ONE),
    "multiply, outer": (lambda r, c: r * c, ROW, COLUMN),
    "a product with itself": (lambda a: a * a + a, A),
    "divide": (lambda a, c: a / c, A, C),
    "divide, broadcast": (lambda a, r: r / a, A, ROW),
    "divide a constant": (lambda a: 2.0 / a, A),
    "subtract": (lambda a, c: a - c, A, C),
    "subtract from a constant": (lambda a: 1.0 - a, A),
    "negate": (lambda a: -a, A),
    "matmul": (lambda a, b: a @ b, A, B),
    "matmul with itself": (lambda a: a.T @ a, A),
    "transpose": (lambda a: a.T * 2.0, A),
    "slice": (lambda a: a[1:, ::2] * 3.0, A),
    "one entry twice": (lambda a: a.take(np.array([[0, 5], [5, -1]])) * 2.0, A),
    "reshape": (lambda a: a.reshape(2, 6), A),
    "sum of all": (lambda a: a.sum() * a, A),
    "sum over rows": (lambda a: a.sum(axis=0), A),
    "sum that keeps its axis": (lambda a: a / a.sum(axis=1, keepdims=True), A),
    "max": (lambda a: a.max(axis=1), A),
    "where": (lambda a, c: a.where(C > 1, c), A, C),
    "where, of a number": (lambda a, s: a.where(C > 1, s), A, ONE),
    "maximum": (lambda a: tape.maximum(a, 1.0), A),
    "concat": (lambda a, c: tape.concat([a, c, a], axis=1), A, C),
    "concat, of rows": (lambda a, c: tape.concat([a, c], axis=0), A, C),
    "formed": (lambda a: a.formed() * a, A),
    "exp": (tape.exp, A),
    "log": (tape.log, A),
    "sqrt": (tape.sqrt, A),
    "sigmoid": (tape.sigmoid, A - 1),
}


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_primitive_by_a_complex_step(name):
    check(*PRIMITIVES[name])


def test_ties():
    """The first of equal numbers has the gradient; at the kink of a maximum none has."""
    x = tape.quantity(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]]), plain.ALGEBRA)
    (g,) = tape.gradients([x.max(axis=1)], [np.ones((2, 1))], [x])
    np.testing.assert_array_equal(g, [[0, 1, 0], [1, 0, 0]])
    (g,) = tape.gradients([tape.maximum(x, 2.0)], [np.ones((2, 3))], [x])
    np.testing.assert_array_equal(g, [[0, 1, 1], [0, 0, 0]])


def test_nan_passes_a_maximum():
    x = tape.quantity(np.array([np.nan, -1.0]), plain.ALGEBRA)
    y = tape.maximum(x, 0.0)
    np.testing.assert_array_equal(y.data.astype(float), [np.nan, 0])
    np.testing.assert_array_equal(tape.gradients([y], [np.ones(2)], [x])[0], [1, 0])


@pytest.mark.parametrize(
    ("second", "function", "strays"),
    [
        (1.4, lambda x: x.max(axis=1), [3, 3]),
        (1.6, lambda x: x.max(axis=1), None),
        (1.7, lambda x: tape.maximum(x, 1.6), [0, 3]),
        (1.4, lambda x: tape.maximum(x, 3.0), None),
    ],
)
def test_where_rounding_may_decide_a_gradient_may_stray(second, function, strays):
    """Two numbers that are each known to a quarter; a number and a kink. Each entry may lack or have the cotangent."""
    seen = []

    def strayed(x, entries, at):
        seen.append(np.bincount(at, entries.astype(float), 2))
        return x

    algebra = replace(plain.ALGEBRA, uncertainty=lambda x: 0.25, strayed=strayed)
    x = tape.quantity(np.array([[1.0, second]]), algebra)
    y = function(x)
    seen.clear()  # what the value may be off
    tape.gradients([y], [np.full(y.shape, 3.0)], [x])
    assert [list(each) for each in seen] == ([] if strays is None else [strays])


def test_a_number_that_may_pass_a_kink_is_not_exactly_there():
    """relu(-2^-30) is 0, but of a computed 2^-30 it is not: a maximum over it may choose it, and its gradient."""
    x = tape.Quantity(rounded.Rounded([[-1.0, -(2.0**-30)]], [[2.0**-29] * 2], ARITHMETICS["float32"]), FLOAT32)
    y = tape.maximum(x, 0.0)
    assert y.data.error[0, 1] >= 2.0**-30
    assert y.data.error[0, 0] == 0
    largest = y.max(axis=1)
    assert largest.data.error[0, 0] >= 2.0**-30
    (g,) = tape.gradients([largest], [FLOAT32.lifted(np.ones((1, 1)))], [x])
    assert g.error[0, 1] >= 1


def test_an_input_that_is_not_used_has_a_gradient_of_zeros():
    x, y = (tape.quantity(np.ones(shape), plain.ALGEBRA) for shape in ((2, 3), (4,)))
    dx, dy = tape.gradients([x * 2.0], [np.ones((2, 3))], [x, y])
    np.testing.assert_array_equal(dx, np.full((2, 3), 2.0))
    np.testing.assert_array_equal(dy, np.zeros(4))


def test_nothing_is_pulled_back_to_what_depends_on_no_input():
    def refused(g):
        raise AssertionError

    x, constant = (tape.quantity(np.ones(3), plain.ALGEBRA) for _ in range(2))
    made = tape.Quantity(constant.data, plain.ALGEBRA, [(constant, refused)])
    y = tape.Quantity(x.data + made.data, plain.ALGEBRA, [(x, lambda g: 2.0 * g), (made, refused)])
    np.testing.assert_array_equal(tape.gradients([y], [np.ones(3)], [x])[0], 2.0 * np.ones(3))


def test_axes_of_length_zero():
    x, w = (tape.quantity(np.ones(shape), plain.ALGEBRA) for shape in ((0, 3), (3, 2)))
    y = (x @ w).sum()
    dx, dw = tape.gradients([y], [np.ones(())], [x, w])
    assert dx.shape == (0, 3)
    np.testing.assert_array_equal(dw, np.zeros((3, 2)))


def test_several_outputs_add_up_and_an_output_may_be_part_of_another():
    x = tape.quantity(np.array([2.0]), plain.ALGEBRA)
    y = x * x
    (g,) = tape.gradients([y, y * x], [np.ones(1), np.ones(1)], [x])
    np.testing.assert_array_equal(g, [2 * 2 + 3 * 4])


def test_a_long_chain_needs_no_deep_stack():
    x = y = tape.quantity(np.array([1.0]), plain.ALGEBRA)
    for _ in range(5000):
        y = y + 1.0
    np.testing.assert_array_equal(tape.gradients([y], [np.ones(1)], [x])[0], [1])


DIFFERENTIABLE = [operation for operation in OPERATIONS if operation.learned]
LAYERS = [each for each in DIFFERENTIABLE if each.kind == "layer" and each.name in own.provided()]


@pytest.mark.parametrize("operation", DIFFERENTIABLE, ids=repr)
def test_a_definition_by_a_complex_step(operation):
    """Every learned argument alone, moved along one direction."""
    for regime in ("plain", "tails", "one example", "no example"):
        case = case_of(f"{operation}/{regime}/float64/3")
        dy = cotangents_of(case)
        found = evaluated(case, plain.ALGEBRA, dy).gradients
        values = len(list(leaves(dy)))
        for name in operation.learned:
            rng = np.random.default_rng(1)
            dx = mapped(lambda x, rng=rng: rng.choice([-1.0, -0.5, 0.5, 1.0], x.shape), case.arguments[name])
            moved = _moved(case.arguments[name], dx)
            lifted = [
                mapped(lambda x: tape.quantity(x, COMPLEX), moved if other == name else value)
                if is_number(value)
                else value
                for other, value in case.arguments.items()
            ]
            y = list(leaves(operation.definition(*lifted)))
            assert len(y) == values
            along = sum(np.sum(c * np.imag(each.data)) / STEP for c, each in zip(dy, y, strict=True))
            pulled = [g for label, g in found.items() if label.partition("[")[0] == f"d{name}"]
            slope = sum(np.sum(g * d) for g, d in zip(pulled, leaves(dx), strict=True))
            close(slope, along, sum(float(np.sum(abs(g))) for g in pulled))


def _moved(value, dx):
    if isinstance(value, list):
        return [_moved(*pair) for pair in zip(value, dx, strict=True)]
    return value + 1j * STEP * dx


@pytest.mark.parametrize("operation", LAYERS, ids=repr)
def test_a_definition_by_the_layers_in_longdouble(operation):
    """A second witness: the hand-derived passes, run in longdouble."""
    functions = own.functions()
    for case in cases(operation, ARITHMETICS["float64"], seed=5, quick=True):
        if case.wild:
            continue
        dy = cotangents_of(case)
        with np.errstate(all="ignore"):
            found = list(evaluated(case, plain.ALGEBRA, dy).results.values())
        wide = [mapped(lambda x: x.astype(np.longdouble), v) if is_number(v) else v for v in case.arguments.values()]
        y, cache = functions[f"{operation}_forward"](*wide)
        several = isinstance(y, list)
        pulled = functions[f"{operation}_backward"](
            [d.astype(np.longdouble) for d in dy] if several else dy[0].astype(np.longdouble), cache
        )
        every = [*leaves(y), *leaves(pulled)]
        assert len(every) == len(found), case.id
        for got, want in zip(every, found, strict=True):
            want = np.asarray(want, float)
            size = np.max(abs(want[np.isfinite(want)]), initial=0)
            np.testing.assert_allclose(np.asarray(got, float), want, 0, 2.0**-50 * (size + 1), err_msg=case.id)
