"""Exact values: what they are, and the names they have."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.operations.definitions import relu
from pp_ref.oracle.operations.truth import cotangents_of, truth

DENSE = case_of("dense/plain/float32/0")


def test_values_are_exact():
    y, dv, dW, db = truth(DENSE)
    v, W, b = (np.vectorize(Fraction, otypes=[object])(x) for x in DENSE.arguments.values())
    (dy,) = (np.vectorize(Fraction, otypes=[object])(x) for x in cotangents_of(DENSE))
    for found, exact in ((y, v @ W + b), (dv, dy @ W.T), (dW, v.T @ dy), (db, dy.sum(axis=0))):
        np.testing.assert_array_equal(found.exact, exact.astype(float))
        assert all(
            abs(Fraction(x) - e) <= Fraction(r)
            for x, e, r in zip(*(a.flat for a in (found.exact, exact, found.radius)), strict=True)
        )
        assert (found.radius <= found.spread).all()
        assert (found.spread <= found.bound).all()


def test_names_follow_the_lists():
    assert [each.name for each in truth(case_of("predicted/plain/float64/0"))] == [
        "y",
        "dv",
        "dw[0]",
        "dw[1]",
        "dw[2]",
        "db",
    ]
    names = [each.name for each in truth(case_of("mlp/plain/float64/0"))]
    assert names[0] == "y"
    assert "dw[1][0]" in names
    assert cotangents_of(case_of("mlp/plain/float64/0")) == [1.0]


def test_a_wild_case_has_a_pattern_and_no_bound():
    y, *_ = truth(case_of("dense/infinity in b/float64/0"))
    assert np.isinf(y.exact).any()
    assert np.isinf(y.bound).all()


def test_a_gradient_beside_a_kink_that_rounding_may_pass_may_be_either():
    """The value is 0, the difference of two numbers that are rounded."""
    case = case_of("relu/plain/float32/0")
    doubtful = replace(case.operation, definition=lambda v: relu(v / 3.0 - v / 3.0))
    y, dv = truth(replace(case, operation=doubtful))
    assert (y.kind, dv.kind) == ("value", "gradient")
    assert np.isfinite(y.bound).all()
    (dy,) = cotangents_of(case)
    both = abs(dy) / 3  # v / 3 has it, minus v / 3 too
    assert (dv.exact == 0).all()
    assert (dv.bound >= both).all()
