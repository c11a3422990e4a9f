"""The injector: what is wrong is reported, what is right is not, and the same seed gives the same faults."""

import numpy as np
import pytest

from tests.robustness.faults import DAMAGE
from tests.robustness.injector import BAD, LIMIT, inject
from tests.robustness.planted import CAUGHT
from tests.robustness.trials import fingerprint

PLANTED = "tests.robustness.planted"


def rows(name, hostile, fault, trials, limit=LIMIT):
    return list(inject(name, hostile, trials, seed=0, formats=PLANTED, limit=limit, faults=(fault,)))


@pytest.mark.parametrize(("name", "fault", "trials"), CAUGHT)
def test_a_planted_fault_is_reported(name, fault, trials, hostile):
    verdict = CAUGHT[name, fault, trials]
    (row,) = rows(name, hostile, fault, trials, 2.0 if verdict == "hung" else LIMIT)
    assert row.counts[verdict] > 0, row
    assert row.wrong


@pytest.mark.parametrize("fault", ["truncated", "odd file", "hostile content", "unreadable", "no HOME", "full disk"])
def test_what_is_refused_is_not_reported(fault, hostile):
    (row,) = rows("careful", hostile, fault, 4)
    assert row.wrong == []
    assert row.trials == row.counts["refused"] + row.counts["equal"]
    assert not any(row.counts[verdict] for verdict in BAD)


def test_an_honest_file_that_is_not_read_is_an_error(hostile):
    message = "^never read: the honest files cannot be written and read: ZeroDivisionError: division by zero$"
    with pytest.raises(AssertionError, match=message):
        rows("never read", hostile, "truncated", 1)


def test_the_same_seed_gives_the_same_faults():
    for damage in DAMAGE.values():
        content = bytes(range(256)) * 4
        first, again, other = (damage(content, np.random.default_rng(seed)) for seed in (0, 0, 1))
        assert first == again
        assert other not in (first, content)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros(2, "f4"), np.zeros(2)),
        (np.zeros((2, 1)), np.zeros((1, 2))),
        (np.array([0.0]), np.array([-0.0])),
        (1, 1.0),
        ([1], (1,)),
        ({"a": 1}, {"b": 1}),
        (None, {}),
    ],
)
def test_values_that_differ_have_other_fingerprints(a, b):
    assert fingerprint(a) == fingerprint(a)
    assert fingerprint(a) != fingerprint(b)


def test_the_order_of_keys_is_no_difference():
    assert fingerprint({"a": 1, "b": {"c": np.arange(3)}}) == fingerprint({"b": {"c": np.arange(3)}, "a": 1})
