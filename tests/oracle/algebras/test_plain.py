"""Definitions on longdouble: values beside the certified ones, and NaN where a formula puts it."""

import numpy as np
import pytest

from pp_ref.oracle.algebras import plain
from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.operations.table import OPERATIONS
from pp_ref.oracle.operations.truth import cotangents_of, evaluated, truth


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_longdouble_is_beside_the_certified_values(operation):
    case = case_of(f"{operation}/plain/float64/0")
    found = evaluated(case, plain.ALGEBRA, cotangents_of(case)).results.items()
    for (name, x), exact in zip(found, truth(case), strict=True):
        assert name == exact.name
        same = x == exact.exact  # infinite, where log 0 is due
        off = np.where(same, 0, abs(np.where(same, 0, x) - np.where(same, 0, exact.exact)))
        assert (off <= 2.0**-40 * (1 + np.max(abs(exact.exact[~same]), initial=0))).all()


def test_nan_and_infinity_go_where_the_equation_puts_them():
    case = case_of("dense/NaN in v/float64/0")
    y, _, dW, _ = evaluated(case, plain.ALGEBRA, cotangents_of(case)).results.values()
    rows, columns = np.nonzero(np.isnan(case.arguments["v"]))
    np.testing.assert_array_equal(np.isnan(y).any(axis=1), np.arange(len(y)) == rows[0])
    np.testing.assert_array_equal(np.isnan(dW).any(axis=1), np.arange(len(dW)) == columns[0])
