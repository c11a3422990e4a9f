"""Which entries are judged, of results that are made by hand and of cases."""

import numpy as np
import pytest

from pp_ref.oracle.operations.cases import case_of
from pp_ref.oracle.operations.truth import Expected, truth
from pp_ref.oracle.verdict.judge import shares
from pp_ref.oracle.verdict.judged import inputs_of, judged, trivial

NONE = []


def result(exact, bound):
    exact = np.asarray(exact, float)
    bound = np.broadcast_to(np.asarray(bound, float), exact.shape)
    return Expected("y", exact, np.zeros_like(exact), bound, bound)


@pytest.mark.parametrize(
    ("exact", "bound", "share"),
    [
        ([3.0, -2.0, 5.0], 1e-9, [1, 1, 1]),
        ([3.0, -2.0, 5.0], np.inf, [0, 0, 0]),
        ([3.0, -2.0, 5.0], [1e-9, np.inf, 1e-9], [1, 0, 1]),
        ([0.0, 3.0, 0.0, -2.0], 1e-9, [1, 1, 1, 1]),  # zeros are right in places, and nothing else is
        ([0.0, 0.0, 0.0], 1e-9, [1, 1, 1]),  # zeros are right, and ones are not
        ([0.0, 0.0, 0.0], 2.0, [0, 0, 0]),
        ([1e-9, 3.0, -3.0], 1e-3, [1, 1, 1]),
        ([5.0, 5.01, 4.99], 0.1, [0, 0, 0]),  # a constant is within all bounds
        ([5.0, 5.01, 4.99, 50.0], [0.1, 0.1, 0.1, 100.0], [0, 0, 0, 0]),  # 5 is, in spite of the last one
        ([0.25, 0.5, 1.0], 0.6, [0, 0, 0]),  # 0.6 is: not the median, and not the mean
        ([1000.0, 1.0, -1.0], [2000.0, 2.0, 2.0], [0, 0, 0]),  # zeros are; their mean error is large
    ],
)
def test_entries_that_tell(exact, bound, share):
    np.testing.assert_array_equal(judged(result(exact, bound), NONE), np.array(share, bool))


def test_a_number_alone_is_no_constant_of_its_own():
    assert judged(result(3.0, 0.1), NONE)
    assert not judged(result(3.0, 3.5), NONE)
    assert not judged(result(1.05, 0.1), NONE)  # ones


def test_a_copy_of_an_input_is_trivial_unless_it_is_right():
    v = np.array([3.0, -2.0, 5.0])
    near = result(v + 0.01, 0.1)
    assert judged(near, NONE).all()
    assert not judged(near, [v]).any()
    assert judged(result(v, 0.1), [v]).all()
    assert judged(near, [v[:2]]).all()  # of another shape


def test_a_judged_entry_refuses_every_trivial_answer():
    """What the definition promises, of random results: where an entry is judged, no trivial answer passes."""
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(400):
        exact = rng.standard_normal(5) * 10.0 ** rng.integers(-2, 3, 5) * rng.integers(0, 2, 5)
        found = result(exact, abs(rng.standard_normal(5)) * 10.0 ** rng.integers(-3, 3))
        v = exact + rng.standard_normal(5)
        passes = [(shares(answer, found.exact, found.bound) <= 1).all() for answer in trivial(found, [v])]
        constants = np.linspace(exact.min() - 1, exact.max() + 1, 2001)
        passes += [(abs(exact - c) <= found.bound).all() and not (exact == c).all() for c in constants]
        told = judged(found, [v]).any()
        seen.add(bool(told))
        assert not (told and any(passes)) or not exact.any()  # zeros are right
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("case", "name", "share"),
    [
        ("relu/plain/float32/0", "dv", 1.0),  # zero where v is negative
        ("flatten/plain/float32/0", "y", 1.0),
        ("mlp/plain/float32/0", "dw[0][0]", 1.0),
    ],
)
def test_of_cases(case, name, share):
    found = case_of(case)
    expected = truth(found)
    each = next(each for each in expected if each.name == name)
    assert judged(each, inputs_of(found, expected)).mean() == share
