"""Every format under every fault: some trials in `make test`, more than 10,000 in `make torture`."""

import pytest

from tests.robustness.formats import FORMATS
from tests.robustness.injector import LONG, QUICK, inject


@pytest.mark.parametrize("trials", [QUICK, pytest.param(LONG, marks=pytest.mark.torture)])
@pytest.mark.parametrize("name", FORMATS)
def test_it_is_the_honest_value_or_a_refusal(name, trials, hostile):
    assert [said for row in inject(name, hostile, trials, seed=0) for said in row.wrong] == []
