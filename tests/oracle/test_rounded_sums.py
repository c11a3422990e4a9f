"""Bounds hold for a sum that begins with the bias, and are never NaN."""

import numpy as np
import pytest

from pp_ref.oracle.arithmetic import arithmetic
from pp_ref.oracle.cases import case_of
from pp_ref.oracle.findings import Finding, Status
from pp_ref.oracle.rounded import lifted
from pp_ref.oracle.truth import truth

SINGLE = arithmetic("float32")


def test_a_sum_may_begin_with_the_bias():
    """Sixteen products of half an ulp of b: added to b one by one each is lost, added up first they are eight ulps."""
    v, W, b = np.full((1, 16), 2.0**-12), np.full((16, 1), 2.0**-12), np.ones(1)
    y = lifted(v, SINGLE) @ lifted(W, SINGLE) + lifted(b, SINGLE)
    begun = np.float32(b[0])
    for product in (v[0] * W[:, 0]).astype(np.float32):
        begun += product
    missed = abs(float(begun) - float(y.value[0, 0]))
    assert missed == 16 * 2.0**-24
    assert missed <= y.error[0, 0] <= 2 * missed
    assert y.terms == 17


def test_a_bound_is_never_nan():
    """Two layers of bfloat16 whose errors explode: this was NaN, which nobody's result is within."""
    for expected in truth(case_of("mlp/large numbers/bfloat16/0")):
        assert not np.isnan(expected.bound).any()


@pytest.mark.parametrize("status", [Status.failed, Status.suspicious])
def test_what_was_announced_is_expected(status):
    finding = Finding("dense/plain/float32/0", "dense", "plain", status).expecting("known")
    assert finding.status == Status.expected
