"""Phone errors beside the recurrence of the edit distance, sums over utterances, and what is refused."""

import numpy as np
import pytest

from pp_ref.errors import DomainError
from pp_ref.features import Errors, confusions, count_errors, fold_phones
from tests.refused import refuses

pytest.importorskip("rapidfuzz", reason="rapidfuzz is not installed: pip install 'pp_ref[speech]'")


def distance(a, b):
    """The edit distance by its recurrence."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def test_errors_are_the_edit_distance():
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = (rng.integers(0, 4, rng.integers(0, 9)) for _ in range(2))
        errors = count_errors(confusions(a, b, 4))
        assert errors.phones == len(a)
        assert sum(errors[:3]) == distance(a.tolist(), b.tolist())
        assert errors.insertions - errors.deletions == len(b) - len(a)


def test_errors_add_up_and_have_a_rate():
    total = Errors(1, 2, 3, 10) + Errors(1, 0, 0, 4)
    assert total == Errors(2, 2, 3, 14)
    assert total.rate == 7 / 14
    with pytest.raises(DomainError, match=r"^the reference has no phone, so it has no error rate"):
        _ = Errors(0, 0, 3, 0).rate


test_refused = refuses(
    lambda function, *arguments: function(*arguments),
    {
        DomainError: [
            (confusions, np.array([4]), np.array([0]), 4, r"^reference has 4 to 4, expected 0 to 3$"),
            (confusions, np.array([0]), np.array([-1]), 4, r"^said has -1 to -1, expected 0 to 3$"),
            (confusions, np.array([0]), np.array([0]), 0, r"^classes is 0, expected an integer >= 1$"),
            (fold_phones, np.array([0.5]), np.array([0]), r"^phones is an array of float64"),
        ]
    },
)
