"""The comparison refuses faults that kernels really have."""

import numpy as np
import pytest

from tests.bounds import assert_within, gemm_bound

FAULTS = {
    "NaN lane": lambda y: np.where(np.arange(y.size).reshape(y.shape) == 3, np.nan, y),
    "stale last row": lambda y: np.vstack([y[:-1], np.zeros_like(y[:1])]),
    "neighbour's column": lambda y: np.roll(y, 1, axis=1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_check_notices(fault):
    v, U = np.random.default_rng(2).standard_normal((2, 64, 64))
    with pytest.raises(AssertionError, match="outside, first at"):
        assert_within(FAULTS[fault](v @ U), v @ U, gemm_bound(v, U, np.float32), fault)


def test_a_broadcast_result_is_refused():
    v, U = np.ones((2, 3)), np.ones((3, 4))
    with pytest.raises(AssertionError, match=r"one row: shape \(1, 4\), reference \(2, 4\)"):
        assert_within((v @ U)[:1], v @ U, gemm_bound(v, U, np.float32), "one row")
