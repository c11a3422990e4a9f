"""Every format under every fault: some trials in `make test`, more than 10,000 in `make torture`."""

import pytest

from benchmarks.robustness import rows
from tests.robustness.formats import FORMATS
from tests.robustness.injector import BAD, LONG, QUICK, inject


@pytest.mark.parametrize("trials", [QUICK, pytest.param(LONG, marks=pytest.mark.torture)])
@pytest.mark.parametrize("name", FORMATS)
def test_it_is_the_honest_value_or_a_refusal(name, trials, hostile):
    assert [said for row in inject(name, hostile, trials, seed=0) for said in row.wrong] == []


def test_the_record_has_every_format_and_no_fault():
    found = rows()
    assert {(row["format"], row["fault"]) for row in found} == {
        (name, fault) for name, form in FORMATS.items() for fault in form.faults
    }
    assert sum(row["trials"] for row in found) >= 10_000
    assert not [row for row in found if row["wrong"] or any(row[verdict] for verdict in BAD)]
